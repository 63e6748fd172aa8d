using Prisma.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// RISE (Petsiuk et al. 2018): the picture is seen through many random masks, coarse grids of 7×7 switched on with probability ½, enlarged
/// smoothly and shifted; a patch gets the mean of the target over the masks that show it, minus the mean over all masks, so that what is
/// there without any patch counts nowhere. Probabilities stand in for logits. Asks the model only forwards.
/// </summary>
public sealed class Rise : AttributionMethod
{
    private const int Cells = 7, Masks = 2000;
    private const double Shown = 0.5;

    /// <inheritdoc/>
    public override string Name => "rise";

    /// <inheritdoc/>
    public override string Summary => "the target over many random masks, by the patches they show";

    /// <inheritdoc/>
    public override string Meaning => "by how much the target is higher under random masks that show the patch than under all";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => options.Samples ?? Masks;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var (layout, options, settled, count) = (task.Layout, task.Options, task.Settle(), task.Options.Samples ?? Masks);
        if (layout.Frames != 1) throw task.NotApplicable("it masks single pictures");
        var maps = new List<Tensor>();
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator((ulong)options.Seed);
            var picture = task.Pixels.narrow(0, k, 1);
            var fill = Fill.Of(picture, options.Fill, options.BlurSigma);
            var shown = new List<Tensor>();
            var scores = task.Scores(settled[k].Target.ForCurves, count, (_, copies) =>
            {
                var mask = Random(copies, picture, generator);
                shown.Add((PatchSums.Of(mask, layout) / (layout.PatchHeight * layout.PatchWidth)).MoveToOtherDisposeScope(scope));
                using var inner = NewDisposeScope();
                return (fill + (picture - fill) * mask).MoveToOuterDisposeScope();
            });
            var weights = tensor(scores).to(float32, picture.device);
            var masks = cat([.. shown], 0);
            maps.Add((((weights - weights.mean()).unsqueeze(1) * masks).sum(0L) / (count * Shown)).MoveToOuterDisposeScope());
        }
        return new Finding(stack(maps), FindingKind.PerPlace, "pixels")
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Note = $"{count} masks of {Cells}×{Cells} cells, hidden parts filled with {Fill.Name(options.Fill)}.",
            Forwards = count + 1,
        };
    }

    // [copies, 1, H, W] in 0–1; a scope of the caller's must be open.
    private static Tensor Random(int copies, Tensor picture, Generator generator)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (picture.shape[2], picture.shape[3]);
        var (cellHeight, cellWidth) = ((height + Cells - 1) / Cells, (width + Cells - 1) / Cells);
        var grid = rand([copies, 1, Cells, Cells], generator: generator).lt(Shown).to(float32);
        var large = nn.functional.interpolate(grid, [(Cells + 1) * cellHeight, (Cells + 1) * cellWidth], mode: InterpolationMode.Bilinear, align_corners: false);
        var shifts = rand([copies, 2], generator: generator).data<float>().ToArray();
        var cut = Enumerable.Range(0, copies).Select(k => large.narrow(0, k, 1)
            .narrow(2, (long)(shifts[2 * k] * cellHeight), height).narrow(3, (long)(shifts[2 * k + 1] * cellWidth), width));
        return cat([.. cut], 0).to(picture.dtype, picture.device).MoveToOuterDisposeScope();
    }
}
