using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Activation maps whose channels are weighted by asking the model about each channel, forwards only: map = positive part of Σ w·a. Of wide
/// models the channels that vary most over the patches are asked about: <see cref="AttributionOptions.Samples"/> of them, 256 where it is
/// null; the others would add next to nothing but their mean.
/// </summary>
public abstract class ChannelActivationMap : ActivationMap
{
    private const int Channels = 256;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Samples ?? Channels;
    }

    /// <summary>One weight for each channel asked about.</summary>
    /// <param name="task">The question.</param>
    /// <param name="example">Which picture.</param>
    /// <param name="settled">Its target, and the target's value on the unchanged picture.</param>
    /// <param name="site">Where the channels are.</param>
    /// <param name="channels">Their numbers: [n].</param>
    /// <param name="a">Their values: [N, n].</param>
    protected abstract double[] Weights(AttributionTask task, int example, (Target Target, double Score) settled, HookSite site, Tensor channels, Tensor a);

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = Place(task);
        var (values, settled) = (Read(task, site), task.Settle());
        var (all, count) = ((int)values.shape[2], (int)Math.Min(values.shape[2], task.Options.Samples ?? Channels));
        var maps = new List<Tensor>();
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            var patches = values[k].to(ScalarType.Float32);
            var channels = patches.var(0L, unbiased: false).topk(count, dim: 0).indexes;
            var a = patches.index_select(1, channels);
            var weights = tensor(Weights(task, k, settled[k], site, channels, a)).to(a.dtype, a.device);
            maps.Add((a * weights).sum(1L).relu().MoveToOuterDisposeScope());
        }
        return new Finding(stack(maps), FindingKind.PerPlace, site.ToString())
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Note = count == all ? $"All {all} channels." : $"The {count} of {all} channels that vary most over the patches.",
            Forwards = count + 1,
        };
    }
}
