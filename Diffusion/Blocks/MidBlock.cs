using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>The bottom of a U-net: a residual block, then attention where it attends, then another one (UNetMidBlock2D, UNetMidBlock2DCrossAttn).</summary>
internal sealed class MidBlock : Module
{
    private readonly ResnetBlock _first;
    private readonly CellMixer? _attention;
    private readonly ResnetBlock? _second;
    private readonly HookPoint _out;

    internal MidBlock(UnetConfig config)
    {
        var resnet = config.Resnet(config.Channels[^1], config.Channels[^1]) with { Scale = config.MidScale };
        _first = PartChild("resnets.0", new ResnetBlock(resnet));
        if (config.Mid == UnetMid.Attends) _attention = PartChild("attentions.0", config.MidMixer());
        if (config.Mid != UnetMid.Plain) _second = PartChild("resnets.1", new ResnetBlock(resnet));
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, Tensor time, Tensor? text, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _first.Forward(x, time, run);
        if (_attention is not null) x = _attention.Forward(x, text, run);
        if (_second is not null) x = _second.Forward(x, time, run);
        return _out.Pass(x, run).MoveToOuterDisposeScope();
    }
}
