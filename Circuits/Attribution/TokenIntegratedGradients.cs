using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Integrated gradients on tokens: the stream entering a block (the first by default) goes from what a picture without content gives there
/// to what the picture gives, midpoint rule, summed over the width, signed. (From zero tokens it would pass the point where norms divide by
/// nothing.) Values of all tokens sum to the target's difference up to the gap; the note says what fell to tokens without a place.
/// </summary>
public sealed class TokenIntegratedGradients : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "token-integrated-gradients";

    /// <inheritdoc/>
    public override string Summary => "gradients on the way from an empty picture's tokens, at the input of a block (the first by default)";

    /// <inheritdoc/>
    public override string Meaning => "the token's share of the target's difference to a picture without content";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => 3 * options.Steps;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var (steps, batch, options) = (task.Options.Steps, task.Options.Batch, task.Options);
        var site = task.Place(Site.ResidPre, task.Layer(0));
        task.RefuseEarlierTarget(site);
        var settled = task.Settle();
        var (maps, notes, gaps) = (new List<Tensor>(), new List<string>(), new List<double>());
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            var (target, picture) = (settled[k].Target, task.Pixels.narrow(0, k, 1));
            var (end, _) = At(task, site, target, picture);
            var (start, score) = At(task, site, target, Fill.Of(picture, options.Fill, options.BlurSigma));
            var path = end - start;
            var summed = zeros_like(end);
            for (var first = 0; first < steps; first += batch)
            {
                using var inner = NewDisposeScope();
                var count = Math.Min(batch, steps - first);
                var share = ((arange(first, first + count, float32, path.device) + 0.5) / steps).view(-1, 1, 1, 1).to(path.dtype);
                var plan = HookPlan.Empty.Edit(site, (_, _) => (start + path * share).flatten(0, 1)).WithGradients(site);
                using var recording = task.Model.Run(task.With(picture.expand([count, .. picture.shape[1..]])), target.AskForGradients(plan));
                using var graph = enable_grad();
                using var gradients = recording.Cache.Gradients(target.Of(recording).sum());
                summed.add_(gradients[site].reshape([count, .. path.shape]).sum([0L]));
            }
            var inRows = (path * summed / steps).sum(2L);
            var values = task.OnGrid(inRows);
            var sum = inRows.to(float64).sum().item<double>();
            var placeless = sum - values.narrow(1, task.Layout.Prefix, task.Layout.GridTokens).to(float64).sum().item<double>();
            gaps.Add(settled[k].Score - score - sum);
            notes.Add($"Baseline: {Fill.Name(options.Fill)}, where the target is {score:g4}; values sum to {sum:g4} of {settled[k].Score - score:g4}, {placeless:g4} of it on tokens without a place.");
            maps.Add(values.MoveToOuterDisposeScope());
        }
        return new Finding(cat(maps, 0), FindingKind.PerToken, site.ToString())
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Notes = notes,
            Gaps = gaps,
            Forwards = steps + 3,
        };
    }

    private static (Tensor Stream, double Score) At(AttributionTask task, HookSite site, Target target, Tensor picture)
    {
        using var scope = NewDisposeScope();
        using var recording = task.Model.Run(task.With(picture), target.Ask(HookPlan.Empty.Keep(site)));
        return (recording.Cache[site].alias().MoveToOuterDisposeScope(), Numbers.Of(target.Of(recording))[0]);
    }
}
