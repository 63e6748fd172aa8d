using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What each token hands to the answer through attention: A·v is split by the tokens that v comes from, and each part is multiplied by the
/// gradient of the target by z. Unlike the attention pattern it knows what was read, not only from where (Kobayashi et al. 2020 weigh by
/// norms; here the target's own direction weighs). Linear within a block, summed over the chosen block and all behind it.
/// </summary>
public sealed class ValueAttribution : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "value-attribution";

    /// <inheritdoc/>
    public override string Summary => "attention times values along the target's gradient, from one block (the last by default) to the last";

    /// <inheritdoc/>
    public override string Meaning => "what the patch's values, read through attention, add to the target";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var first = task.Layer(-1);
        var sites = Enumerable.Range(first, task.Blocks - first)
            .SelectMany(layer => new[] { task.Place(Site.V, layer), task.Place(Site.Pattern, layer), task.Place(Site.Z, layer) }).ToArray();
        var run = task.Differentiate(sites);
        Tensor? sum = null;
        for (var k = 0; k < sites.Length; k += 3)
        {
            var pattern = AttentionRead.Checked(task, run.Values[k + 1]);
            // [B, Q, H, k] · [B, P, H, k]: how much one unit of attention from q to p is worth.
            var worth = einsum("bqhk,bphk->bhqp", run.Gradients[k + 2], run.Values[k]);
            var handed = AttentionRead.Row(task, (pattern * worth).sum(1L));
            sum = sum is null ? handed : sum + handed;
        }
        return new Finding(sum!, FindingKind.PerToken, first == task.Blocks - 1 ? sites[2].ToString() : $"{sites[2]} to {sites[^1]}")
        {
            Scores = run.Scores, Targets = run.Targets, Note = AttentionRead.RowNote(task),
        };
    }
}
