using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Layer-wise relevance propagation as gradient × token with changed slopes (Achtibat et al. 2024): norms divide by a constant, an activation
/// function counts as the factor f(x)/x that it is, and attention as the subclass says. Signed, read where the stream enters a block.
/// </summary>
public abstract class RelevanceMethod : AttributionMethod
{
    /// <inheritdoc/>
    public override bool Signed => true;

    /// <summary>The plan with the slopes of a block's attention changed.</summary>
    protected abstract HookPlan Attend(HookPlan plan, AttributionTask task, int layer);

    /// <summary>The same value with half its slope: the rule for a product of two factors that both vary.</summary>
    protected static Tensor Halved(Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        using var scope = NewDisposeScope();
        var half = value * 0.5;
        return (half + half.detach()).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = task.Place(Site.ResidPre, task.Layer(0));
        var plan = HookPlan.Empty;
        if (task.Model.Points.Any(Scales)) plan = plan.Edit(Scales, (value, _) => value.detach());
        foreach (var stack in task.Stacks)
            for (var layer = stack.Layer(0); layer < stack.Blocks; layer++)
            {
                if (stack.Model.Points.Any(point => point.Site == Site.MlpPreLinear[layer].In(stack.Part))) throw task.NotApplicable("its rule for gated MLPs is not built");
                if (stack.Model.Points.Any(point => point.Site == Site.MlpPre[layer].In(stack.Part))) plan = Activated(plan, stack, layer);
                plan = Attend(plan, stack, layer);
            }
        var run = task.Differentiate(plan, site);
        return new Finding(task.OnGrid((run.Values[0] * run.Gradients[0]).sum(2L)), FindingKind.PerToken, site.ToString()) { Scores = run.Scores, Targets = run.Targets };

        // What norms divide by is the one kind of value with a single element in its last axis.
        bool Scales(HookPoint point) => !point.OnDemand && task.Stacks.Any(stack => stack.Part == point.Site.Path.Part) && point.Kind.Axes[^1] == Axis.One;
    }

    // f(x) as x times a constant; f(0) = 0 for all activations in use, so 0/0 stands for any factor.
    private static HookPlan Activated(HookPlan plan, AttributionTask task, int layer)
    {
        Tensor? pre = null;
        return plan
            .Edit(task.Place(Site.MlpPre, layer), (value, _) => pre = value)
            .Edit(task.Place(Site.MlpPost, layer), (value, _) =>
            {
                using var scope = NewDisposeScope();
                var x = pre!.detach();
                var factor = (value.detach() / x).masked_fill(x.eq(0), 0);
                return (pre * factor).MoveToOuterDisposeScope();
            });
    }
}
