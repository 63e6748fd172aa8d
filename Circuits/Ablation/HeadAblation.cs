using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// How much every attention head helps the target: y minus y with what the head read (<see cref="Site.Z"/>) replaced; the output bias
/// stays. Heads share passes, see <see cref="PatchOptions"/>.
/// </summary>
public static class HeadAblation
{
    /// <summary>The effects [layers, heads, B]: positive where the head raises the target. The caller (or its scope) disposes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch; means and donors come from it.</param>
    /// <param name="target">Null: the class that the model chose.</param>
    /// <param name="kind">What replaces the head.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="progress">Told the number of heads done.</param>
    /// <param name="stop">Ends the work between two passes.</param>
    /// <exception cref="OptionsException">A single example has no mean and no donor.</exception>
    public static Tensor Effects(HookedModel model, ModelInput input, Target? target = null, AblationKind kind = AblationKind.Zero,
        string part = "", IProgress<int>? progress = null, CancellationToken stop = default)
    {
        var table = SiteAblation.Effects(model, input, new PatchGrid(Site.Z, PatchAxes.LayerHead) { Part = part }, target, kind,
            options: new PatchOptions { Progress = progress, Stop = stop });
        float[] drops = [.. table.After.SelectMany(layer => layer).SelectMany(head => head.Select((after, k) => (float)(table.Before[k] - after)))];
        return tensor(drops, [table.RowLabels.Count, table.ColumnLabels.Count, table.Before.Count]);
    }
}
