using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Attention of one block weighted by its gradient: w = mean of ∂y/∂A over queries and keys for each head, map = positive part of Σ w·A
/// in the row of the token that the answer is read from. Grad-CAM on attention, as in Chefer et al. 2021.
/// </summary>
public sealed class AttentionGradient : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "attention-gradient";

    /// <inheritdoc/>
    public override string Summary => "attention of one block (the last by default), heads weighted by their gradient";

    /// <inheritdoc/>
    public override string Meaning => "attention to the patch by the heads whose attention raises the target";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = task.Place(Site.Pattern, task.Layer(-1));
        var run = task.Differentiate(site);
        var pattern = AttentionRead.Checked(task, run.Values[0]);
        var weights = run.Gradients[0].mean([2, 3], keepdim: true);
        var map = AttentionRead.Row(task, (pattern * weights).sum(1L)).relu();
        return new Finding(map, FindingKind.PerToken, site.ToString()) { Scores = run.Scores, Targets = run.Targets, Note = AttentionRead.RowNote(task) };
    }
}
