using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Integrated gradients on tokens: the stream entering a block (the first by default) goes from zero to itself, midpoint rule, summed over
/// the width, signed. Values of all tokens sum to the target's difference up to the gap; the note says what fell to tokens without a place.
/// </summary>
public sealed class TokenIntegratedGradients : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "token-integrated-gradients";

    /// <inheritdoc/>
    public override string Summary => "gradients on the way from zero at the input of a block (the first by default)";

    /// <inheritdoc/>
    public override string Meaning => "the token's share of the target's difference to tokens of zeros";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var (steps, batch) = (task.Options.Steps, task.Options.Batch);
        var site = task.Place(Site.ResidPre, task.Layer(0));
        task.RefuseEarlierTarget(site);
        var settled = task.Settle();
        var (maps, notes, gaps) = (new List<Tensor>(), new List<string>(), new List<double>());
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            var (target, picture) = (settled[k].Target, task.Pixels.narrow(0, k, 1));
            Tensor? end = null;
            var summed = zeros(1, device: picture.device);
            for (var first = 0; first < steps; first += batch)
            {
                var count = Math.Min(batch, steps - first);
                var at = ((arange(first, first + count, float32, picture.device) + 0.5) / steps).view(-1, 1, 1);
                var plan = HookPlan.Empty.Edit(site, (value, _) =>
                {
                    end ??= value.narrow(0, 0, 1).detach().clone().DetachFromDisposeScope();
                    return value * at.to(value.dtype);
                }).WithGradients(site);
                using var recording = task.Model.Run(task.With(picture.expand(count, -1, -1, -1)), target.AskForGradients(plan));
                using var graph = enable_grad();
                using var gradients = recording.Cache.Gradients(target.Of(recording).sum());
                summed += gradients[site].sum(0);
            }
            using var stream = end!;
            var values = (stream.squeeze(0) * summed / steps).sum(1L);
            var start = Zeroed(task, site, target, picture);
            var sum = values.to(float64).sum().item<double>();
            var placeless = task.Layout.Prefix == 0 ? 0 : values.narrow(0, 0, task.Layout.Prefix).to(float64).sum().item<double>();
            gaps.Add(settled[k].Score - start - sum);
            notes.Add($"Values of all tokens sum to {sum:g4} of {settled[k].Score - start:g4}; {placeless:g4} of it fell to tokens without a place.");
            maps.Add(values.MoveToOuterDisposeScope());
        }
        return new Finding(stack(maps), FindingKind.PerToken, site.ToString())
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Notes = notes,
            Gaps = gaps,
            Forwards = steps + 2,
        };
    }

    private static double Zeroed(AttributionTask task, HookSite site, Target target, Tensor picture)
    {
        using var scope = NewDisposeScope();
        using var recording = task.Model.Run(task.With(picture), target.Ask(HookPlan.Empty.Edit(site, (value, _) => value.zeros_like())));
        return Numbers.Of(target.Of(recording))[0];
    }
}
