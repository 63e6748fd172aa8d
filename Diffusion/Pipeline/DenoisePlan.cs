using System.Collections.Immutable;
using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>
/// What a run of many U-net passes keeps and edits: hook plans, each for the passes that it names by step, time step or half of the guidance.
/// Immutable.
/// </summary>
public sealed class DenoisePlan
{
    private readonly ImmutableArray<(HookPlan Plan, Func<DenoiseStep, bool> When)> _parts;

    private DenoisePlan(ImmutableArray<(HookPlan, Func<DenoiseStep, bool>)> parts) => _parts = parts;

    /// <summary>A plan that asks for nothing.</summary>
    public static DenoisePlan Empty { get; } = new([]);

    /// <summary>A plan that keeps places in all passes that see the prompt.</summary>
    public static DenoisePlan Keeping(IEnumerable<HookSite> sites)
    {
        ArgumentNullException.ThrowIfNull(sites);
        return Empty.With(sites.Aggregate(HookPlan.Empty, (plan, site) => plan.Keep(site)));
    }

    /// <summary>Adds a hook plan for some passes: <c>plan.With(edits, step => step.Index &lt; 2)</c>. Without a condition it holds for those that see the prompt.</summary>
    public DenoisePlan With(HookPlan plan, Func<DenoiseStep, bool>? when = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new DenoisePlan(_parts.Add((plan, when ?? (step => step.IsConditional))));
    }

    /// <summary>What one pass keeps and edits.</summary>
    public HookPlan For(DenoiseStep step) => _parts.Where(part => part.When(step)).Aggregate(HookPlan.Empty, (plan, part) => plan.And(part.Plan));
}
