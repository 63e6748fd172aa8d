using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Integrated gradients on pixels (Sundararajan et al. 2017): (x − x′) times the mean gradient on the straight way from a baseline x′ to
/// the picture, midpoint rule, summed over each patch, signed. All values sum to y(x) − y(x′) up to the gap, which every map reports.
/// </summary>
public sealed class IntegratedGradients : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "integrated-gradients";

    /// <inheritdoc/>
    public override string Summary => "gradients on the way from a picture without content, summed over each patch";

    /// <inheritdoc/>
    public override string Meaning => "the patch's share of the target's difference to a picture without content";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => 3 * options.Steps;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var options = task.Options;
        var settled = task.Settle();
        var (maps, notes, gaps) = (new List<Tensor>(), new List<string>(), new List<double>());
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            var picture = task.Pixels.narrow(0, k, 1);
            var baseline = Fill.Of(picture, options.Fill, options.BlurSigma);
            var path = picture - baseline;
            var summed = path.zeros_like();
            for (var first = 0; first < options.Steps; first += options.Batch)
            {
                using var inner = NewDisposeScope();
                var count = Math.Min(options.Batch, options.Steps - first);
                var at = (arange(first, first + count, float32, path.device) + 0.5) / options.Steps;
                var run = task.DifferentiatePixels(baseline + path * at.view([-1, .. Enumerable.Repeat(1L, (int)path.dim() - 1)]).to(path.dtype), settled[k].Target);
                summed.add_(run.Gradients[0].sum(0, keepdim: true));
            }
            var values = path * summed / options.Steps;
            var start = task.Scores(settled[k].Target, 1, (_, _) => baseline.alias())[0];
            var sum = values.to(float64).sum().item<double>();
            gaps.Add(settled[k].Score - start - sum);
            notes.Add($"Baseline: {Fill.Name(options.Fill)}, where the target is {start:g4}; values sum to {sum:g4} of {settled[k].Score - start:g4}.");
            maps.Add(task.InPatches(values).MoveToOuterDisposeScope());
        }
        return new Finding(cat(maps, 0), FindingKind.PerPlace, "pixels")
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Notes = notes,
            Gaps = gaps,
            Forwards = options.Steps + 2,
        };
    }
}
