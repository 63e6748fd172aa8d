using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// AttnLRP (Achtibat et al. 2024): relevance also flows through the softmax to queries and keys; products of two variable factors,
/// pattern · values and queries · keys, share it half and half.
/// </summary>
public sealed class AttnLrp : RelevanceMethod
{
    /// <inheritdoc/>
    public override string Name => "attn-lrp";

    /// <inheritdoc/>
    public override string Summary => "relevance propagated through values, queries and keys to the tokens entering a block (the first by default)";

    /// <inheritdoc/>
    public override string Meaning => "the token's share of the target by the relevance rules for attention";

    /// <inheritdoc/>
    protected override HookPlan Attend(HookPlan plan, AttributionTask task, int layer)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(task);
        return plan.Edit(task.Place(Site.Z, layer), (value, _) => Halved(value)).Edit(task.Place(Site.AttnScores, layer), (value, _) => Halved(value));
    }
}
