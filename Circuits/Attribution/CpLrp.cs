using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// CP-LRP (Ali et al. 2022): attention patterns are constants, relevance flows through values alone. Without biases the values of all tokens
/// sum to the target.
/// </summary>
public sealed class CpLrp : RelevanceMethod
{
    /// <inheritdoc/>
    public override string Name => "cp-lrp";

    /// <inheritdoc/>
    public override string Summary => "relevance propagated through values, attention held fixed, to the tokens entering a block (the first by default)";

    /// <inheritdoc/>
    public override string Meaning => "the token's share of the target with attention held fixed";

    /// <inheritdoc/>
    protected override HookPlan Attend(HookPlan plan, AttributionTask task, int layer)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(task);
        return plan.Edit(task.Place(Site.Pattern, layer), (value, _) => value.detach());
    }
}
