using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What encoder and decoder share.</summary>
internal static class VaeBlocks
{
    /// <summary>ε of every norm.</summary>
    internal const double Eps = 1e-6;
}

/// <summary>The bottom of encoder and decoder: an attention between two residual blocks.</summary>
internal sealed class VaeMid : Module
{
    private readonly ResnetBlock _first, _second;
    private readonly CellAttention? _attention;

    internal VaeMid(VaeConfig config)
    {
        var channels = config.Channels[^1];
        _first = PartChild("resnets.0", new ResnetBlock(config.Resnet(channels, channels)));
        _attention = config.MidAttends ? PartChild("attentions.0", new CellAttention(new CellAttentionOptions(channels, Heads: 1, config.Groups, VaeBlocks.Eps))) : null;
        _second = PartChild("resnets.1", new ResnetBlock(config.Resnet(channels, channels)));
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _first.Forward(x, null, run);
        if (_attention is not null) x = _attention.Forward(x, null, run);
        return _second.Forward(x, null, run).MoveToOuterDisposeScope();
    }
}

/// <summary>A level of the encoder: residual blocks, then half the sides.</summary>
internal sealed class VaeDown : Module
{
    private readonly ResnetBlock[] _resnets;
    private readonly Downsample? _down;

    internal VaeDown(VaeConfig config, int level)
    {
        var (inputs, outputs) = (config.Channels[Math.Max(0, level - 1)], config.Channels[level]);
        _resnets = [.. Enumerable.Range(0, config.Layers).Select(j => PartChild($"resnets.{j}", new ResnetBlock(config.Resnet(j == 0 ? inputs : outputs, outputs))))];
        _down = level == config.Channels.Count - 1 ? null : Child("downsamplers.0", new Downsample(outputs, padding: 0));
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        foreach (var resnet in _resnets) x = resnet.Forward(x, null, run);
        return (_down?.Forward(x) ?? x).MoveToOuterDisposeScope();
    }
}

/// <summary>A level of the decoder, counted from the bottom: residual blocks, then twice the sides.</summary>
internal sealed class VaeUp : Module
{
    private readonly ResnetBlock[] _resnets;
    private readonly Upsample? _up;

    internal VaeUp(VaeConfig config, int index)
    {
        var last = config.Channels.Count - 1;
        var (inputs, outputs) = (config.Channels[Math.Min(last, last - index + 1)], config.Channels[last - index]);
        _resnets = [.. Enumerable.Range(0, config.Layers + 1).Select(j => PartChild($"resnets.{j}", new ResnetBlock(config.Resnet(j == 0 ? inputs : outputs, outputs))))];
        _up = index == last ? null : Child("upsamplers.0", new Upsample(outputs));
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        foreach (var resnet in _resnets) x = resnet.Forward(x, null, run);
        return (_up?.Forward(x) ?? x).MoveToOuterDisposeScope();
    }
}
