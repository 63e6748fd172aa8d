using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// A level of a U-net on the way up (diffusers' UpBlock2D, CrossAttnUpBlock2D, AttnUpBlock2D): each residual block reads the stream beside what the way down
/// left, then the sides grow to those of the next level.
/// </summary>
internal sealed class UpBlock : Module
{
    private readonly ResnetBlock[] _resnets;
    private readonly CellMixer[] _attentions;
    private readonly Upsample? _up;
    private readonly HookPoint _out;

    // "index" counts the up blocks; "level" is the down block at the same height.
    internal UpBlock(UnetConfig config, int index)
    {
        var (last, level) = (config.Channels.Count - 1, config.Channels.Count - 1 - index);
        var (outputs, below, above) = (config.Channels[level], config.Channels[Math.Min(last, level + 1)], config.Channels[Math.Max(0, level - 1)]);
        var (resnets, attentions) = (new List<ResnetBlock>(), new List<CellMixer>());
        var layers = config.Layers[level] + 1;
        for (var j = 0; j < layers; j++)
        {
            var read = (j == 0 ? below : outputs) + (j == layers - 1 ? above : outputs);
            resnets.Add(PartChild($"resnets.{j}", new ResnetBlock(config.Resnet(read, outputs))));
            if (config.UpAttends[index])
                attentions.Add(PartChild($"attentions.{j}", config.Mixer(level, config.ReadsText ? config.UpTransformerLayers[index][j] : 0)));
        }
        (_resnets, _attentions) = ([.. resnets], [.. attentions]);
        _up = index == last ? null : Child("upsamplers.0", new Upsample(outputs));
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, Tensor time, Tensor? text, HookRun run, Stack<Tensor> skips)
    {
        using var scope = NewDisposeScope();
        for (var j = 0; j < _resnets.Length; j++)
        {
            using (var skip = skips.Pop()) x = cat([x, skip], 1);
            x = _resnets[j].Forward(x, time, run);
            if (_attentions.Length > 0) x = _attentions[j].Forward(x, text, run);
        }
        if (_up is not null) x = _up.Forward(x, skips.Peek().shape[2..]);
        return _out.Pass(x, run).MoveToOuterDisposeScope();
    }
}
