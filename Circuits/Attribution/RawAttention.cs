using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// The attention pattern of one block as it is: the row of the token that the answer is read from, heads fused (mean by default). In
/// models without such a token, the mean over the rows of all patches; the map's note says which. Says where attention goes, not what
/// the answer rests on.
/// </summary>
public sealed class RawAttention : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "attention";

    /// <inheritdoc/>
    public override string Summary => "attention pattern of one block (the last by default), mean over heads";

    /// <inheritdoc/>
    public override string Meaning => "share of attention that the answer's token pays to the patch";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var fused = task.Stacks.Select(stack => AttentionRead.Fused(stack, stack.Layer(-1), stack.Layer(-1))[0]).ToList();
        var places = task.Stacks.Select(stack => stack.Place(Site.Pattern, stack.Layer(-1)));
        return new Finding(AttentionRead.Row(task, fused), FindingKind.PerToken, string.Join(" and ", places))
        {
            Note = AttentionRead.RowNote(task),
        };
    }
}
