using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// A level of a U-net on the way down (diffusers' DownBlock2D, CrossAttnDownBlock2D, AttnDownBlock2D): residual blocks, each followed by a transformer where
/// the level attends, then half the sides. Every result is left for the way up.
/// </summary>
internal sealed class DownBlock : Module
{
    private readonly ResnetBlock[] _resnets;
    private readonly CellMixer[] _attentions;
    private readonly Downsample? _down;
    private readonly HookPoint _out;

    internal DownBlock(UnetConfig config, int level)
    {
        var (inputs, outputs) = (config.Channels[Math.Max(0, level - 1)], config.Channels[level]);
        var (resnets, attentions) = (new List<ResnetBlock>(), new List<CellMixer>());
        for (var j = 0; j < config.Layers[level]; j++)
        {
            resnets.Add(PartChild($"resnets.{j}", new ResnetBlock(config.Resnet(j == 0 ? inputs : outputs, outputs))));
            if (config.DownAttends[level])
                attentions.Add(PartChild($"attentions.{j}", config.Mixer(level, config.ReadsText ? config.TransformerLayers[level][j] : 0)));
        }
        (_resnets, _attentions) = ([.. resnets], [.. attentions]);
        _down = level == config.Channels.Count - 1 ? null : Child("downsamplers.0", new Downsample(outputs, config.DownsamplePadding));
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, Tensor time, Tensor? text, HookRun run, Stack<Tensor> skips)
    {
        using var scope = NewDisposeScope();
        for (var j = 0; j < _resnets.Length; j++)
        {
            x = _resnets[j].Forward(x, time, run);
            if (_attentions.Length > 0) x = _attentions[j].Forward(x, text, run);
            skips.Push(x.alias().MoveToOuterDisposeScope());
        }
        if (_down is not null)
        {
            x = _down.Forward(x);
            skips.Push(x.alias().MoveToOuterDisposeScope());
        }
        return _out.Pass(x, run).MoveToOuterDisposeScope();
    }
}
