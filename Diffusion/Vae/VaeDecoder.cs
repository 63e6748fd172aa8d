using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A latent [B, C, h, w] to its picture [B, 3, h·f, w·f], in −1 to 1.</summary>
internal sealed class VaeDecoder : Module
{
    private readonly Convolution _first, _last;
    private readonly VaeMid _mid;
    private readonly VaeUp[] _up;
    private readonly GroupNorm _norm;
    private readonly Func<Tensor, Tensor> _activation;

    internal VaeDecoder(VaeConfig config)
    {
        _activation = Activation.Named(config.Activation);
        _first = Child("conv_in", new Convolution(config.Latents, config.Channels[^1], 3));
        _mid = PartChild("mid_block", new VaeMid(config));
        _up = [.. Enumerable.Range(0, config.Channels.Count).Select(i => PartChild($"up_blocks.{i}", new VaeUp(config, i)))];
        _norm = Child("conv_norm_out", new GroupNorm(config.Groups, config.Channels[0], VaeBlocks.Eps));
        _last = Child("conv_out", new Convolution(config.Channels[0], config.Outputs, 3));
    }

    /// <summary>The type of the weights.</summary>
    internal ScalarType Type => _first.Type;

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _mid.Forward(_first.Forward(x), run);
        foreach (var block in _up) x = block.Forward(x, run);
        return _last.Forward(_activation(_norm.Forward(x))).MoveToOuterDisposeScope();
    }
}
