using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A picture [B, 3, H, W] to the mean and the logarithm of the variance of its latent, one above the other: [B, 2·C, H/f, W/f].</summary>
internal sealed class VaeEncoder : Module
{
    private readonly Convolution _first, _last;
    private readonly VaeDown[] _down;
    private readonly VaeMid _mid;
    private readonly GroupNorm _norm;
    private readonly Func<Tensor, Tensor> _activation;

    internal VaeEncoder(VaeConfig config)
    {
        _activation = Activation.Named(config.Activation);
        _first = Child("conv_in", new Convolution(config.Inputs, config.Channels[0], 3));
        _down = [.. Enumerable.Range(0, config.Channels.Count).Select(i => PartChild($"down_blocks.{i}", new VaeDown(config, i)))];
        _mid = PartChild("mid_block", new VaeMid(config));
        _norm = Child("conv_norm_out", new GroupNorm(config.Groups, config.Channels[^1], VaeBlocks.Eps));
        _last = Child("conv_out", new Convolution(config.Channels[^1], 2 * config.Latents, 3));
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _first.Forward(x);
        foreach (var block in _down) x = block.Forward(x, run);
        x = _mid.Forward(x, run);
        return _last.Forward(_activation(_norm.Forward(x))).MoveToOuterDisposeScope();
    }
}
