using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>One half of a tiny autoencoder: layers in a row, numbered as the reference's sequence is, activations and enlargements included.</summary>
internal sealed class TinyVaeLayers : Module
{
    private readonly List<Func<Tensor, HookRun, Tensor>> _layers = [];

    private TinyVaeLayers() { }

    /// <summary>A picture in 0 to 1 to its latent.</summary>
    internal static TinyVaeLayers Encoder(TinyVaeConfig config)
    {
        var made = new TinyVaeLayers();
        for (var level = 0; level < config.EncoderBlocks.Count; level++)
        {
            made.Add(level == 0 ? new Convolution(config.Inputs, config.EncoderChannels, 3) : new Convolution(config.EncoderChannels, config.EncoderChannels, 3, stride: 2, bias: false));
            made.Add(config, config.EncoderChannels, config.EncoderBlocks[level], level == config.EncoderBlocks.Count - 1);
        }
        made.Add(new Convolution(config.EncoderChannels, config.Latents, 3));
        return made;
    }

    /// <summary>A latent to its picture in 0 to 1.</summary>
    internal static TinyVaeLayers Decoder(TinyVaeConfig config)
    {
        var made = new TinyVaeLayers();
        made.Add(new Convolution(config.Latents, config.DecoderChannels, 3));
        var activation = Activation.Named(config.Activation);
        made._layers.Add((x, _) => activation(x));
        for (var level = 0; level < config.DecoderBlocks.Count; level++)
        {
            var last = level == config.DecoderBlocks.Count - 1;
            made.Add(config, config.DecoderChannels, config.DecoderBlocks[level], level == 0);
            if (!last) made._layers.Add((x, _) => nn.functional.interpolate(x, [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Nearest));
            made.Add(new Convolution(config.DecoderChannels, last ? config.Outputs : config.DecoderChannels, 3, bias: last));
        }
        return made;
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        foreach (var layer in _layers) x = layer(x, run);
        return x.MoveToOuterDisposeScope();
    }

    private void Add(Convolution convolution)
    {
        var placed = PartChild($"layers.{_layers.Count}", new Placed<Convolution>(convolution));
        _layers.Add((x, run) => placed.Pass(placed.Inner.Forward(x), run));
    }

    private void Add(TinyVaeConfig config, int channels, int blocks, bool besideLatent)
    {
        for (var i = 0; i < blocks; i++)
        {
            var block = PartChild($"layers.{_layers.Count}", new TinyVaeBlock(channels, config.Activation, config.NormsBesideLatent && besideLatent));
            _layers.Add(block.Forward);
        }
    }
}
