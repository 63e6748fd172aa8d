using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Occlusion (Zeiler and Fergus 2014): a window of patches is covered, and the target's drop y(x) − y(covered) is shared out over it:
/// each patch gets the mean over the windows that covered it. Signed; asks the model only forwards, many times.
/// </summary>
public sealed class Occlusion : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "occlusion";

    /// <inheritdoc/>
    public override string Summary => "drop of the target when a window of patches is covered";

    /// <inheritdoc/>
    public override string Meaning => "mean drop of the target over the covered windows that the patch was part of";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => Starts(layout.Rows, options).Count() * Starts(layout.Columns, options).Count();

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var (layout, options, settled) = (task.Layout, task.Options, task.Settle());
        if (layout.Frames != 1) throw task.NotApplicable("it covers single pictures");
        var windows = (from row in Starts(layout.Rows, options) from column in Starts(layout.Columns, options) select (row, column)).ToArray();
        var covers = Covers(windows, layout.Rows, layout.Columns, options.Window);
        using var masks = tensor(covers, [windows.Length, (long)layout.Rows * layout.Columns]);
        var maps = new float[task.Examples][];
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            var picture = task.Pixels.narrow(0, k, 1);
            var fill = Fill.Of(picture, options.Fill, options.BlurSigma);
            var scores = task.Scores(settled[k].Target, windows.Length, (first, count) =>
            {
                using var inner = NewDisposeScope();
                var mask = masks.narrow(0, first, count).to(picture.dtype, picture.device);
                var hidden = PatchSums.Spread(mask, layout, picture.shape[2], picture.shape[3]);
                return (picture + (fill - picture) * hidden).MoveToOuterDisposeScope();
            });
            maps[k] = Shared(covers, [.. scores.Select(score => settled[k].Score - score)], layout.Rows * layout.Columns);
        }
        return new Finding(tensor(maps.SelectMany(map => map).ToArray(), [task.Examples, layout.GridTokens]), FindingKind.PerPlace, "pixels")
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Note = $"Windows of {Math.Min(options.Window, layout.Rows)}×{Math.Min(options.Window, layout.Columns)} patches, filled with {Fill.Name(options.Fill)}.",
            Forwards = windows.Length + 1,
        };
    }

    // The last window ends at the rim even where the stride does not lead there.
    private static IEnumerable<int> Starts(int length, AttributionOptions options)
    {
        var last = Math.Max(0, length - options.Window);
        for (var start = 0; start < last; start += options.Stride) yield return start;
        yield return last;
    }

    private static float[] Covers((int Row, int Column)[] windows, int rows, int columns, int side)
    {
        var covers = new float[windows.Length * rows * columns];
        for (var w = 0; w < windows.Length; w++)
            for (var row = windows[w].Row; row < Math.Min(rows, windows[w].Row + side); row++)
                for (var column = windows[w].Column; column < Math.Min(columns, windows[w].Column + side); column++)
                    covers[(w * rows + row) * columns + column] = 1;
        return covers;
    }

    private static float[] Shared(float[] covers, double[] drops, int places)
    {
        var map = new float[places];
        for (var place = 0; place < places; place++)
        {
            double sum = 0, count = 0;
            for (var w = 0; w < drops.Length; w++)
            {
                sum += covers[w * places + place] * drops[w];
                count += covers[w * places + place];
            }
            map[place] = count > 0 ? (float)(sum / count) : 0;
        }
        return map;
    }
}
