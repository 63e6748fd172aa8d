using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// DINO's attention maps (Caron et al. 2021): for each head of a block (the last by default) the patches that hold the larger 60 % of what the
/// answer's token sends to patches; the map is the mean over heads of what they hold there. The same for every target.
/// </summary>
public sealed class AttentionMass : AttributionMethod
{
    private const double Kept = 0.6;

    /// <inheritdoc/>
    public override string Name => "dino-attention";

    /// <inheritdoc/>
    public override string Summary => "attention of one block (the last by default), in each head only the patches that hold 60 % of it";

    /// <inheritdoc/>
    public override string Meaning => "share of the attention to patches, where the patch belongs to a head's strongest 60 %";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <summary>Rows [..., patches] with 0 outside the patches that hold the larger share of each row, rows normalised first. The caller (or its scope) disposes it.</summary>
    /// <param name="rows">Not negative.</param>
    /// <param name="share">The share of the mass that is kept.</param>
    public static Tensor Strongest(Tensor rows, double share = Kept)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var scope = NewDisposeScope();
        var normed = rows / rows.sum([-1L], keepdim: true);
        var (sorted, order) = normed.sort(-1);
        var kept = sorted.cumsum(-1).gt(1 - share).to(normed.dtype);
        return (normed * kept.gather(-1, order.argsort(-1))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var layer = task.Layer(-1);
        var (prefix, patches) = (task.Layout.Prefix, task.Layout.GridTokens);
        using var pattern = AttentionRead.Patterns(task, layer, layer)[0];
        if (task.Options.Head is { } wrong && wrong >= pattern.shape[1]) throw new OptionsException($"There is no head {wrong}; the model has {pattern.shape[1]} (0 to {pattern.shape[1] - 1}).");
        var rows = task.ReadToken is { } token ? pattern.select(2, token) : pattern.narrow(2, prefix, patches).mean([2]);
        var strongest = Strongest(rows.narrow(2, prefix, patches));
        var map = task.Options.Head is { } head ? strongest.select(1, head) : strongest.mean([1]);
        var padded = prefix == 0 ? map : cat([zeros([map.shape[0], prefix], map.dtype, map.device), map], 1);
        return new Finding(padded, FindingKind.PerToken, task.Place(Site.Pattern, layer).ToString()) { Note = AttentionRead.RowNote(task) };
    }
}
