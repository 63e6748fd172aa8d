using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Relevance through attention (Chefer, Gur and Wolf 2021): R = I, then for each block R ← R + Ā·R with Ā = mean over heads of the
/// positive part of A ∘ ∂y/∂A; the map is the row of the token that the answer is read from. Starts at the first block, or at the one given.
/// </summary>
public sealed class AttentionRelevance : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "attention-relevance";

    /// <inheritdoc/>
    public override string Summary => "positive attention × gradient, propagated through the blocks (Chefer)";

    /// <inheritdoc/>
    public override string Meaning => "relevance that reached the answer's token from the patch through attention that raises the target";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <summary>R from patterns and gradients [B, H, P, P] in forward order: [B, P, P]. The caller (or its scope) disposes it.</summary>
    public static Tensor Propagate(IReadOnlyList<Tensor> patterns, IReadOnlyList<Tensor> gradients)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        ArgumentNullException.ThrowIfNull(gradients);
        using var scope = NewDisposeScope();
        var tokens = patterns[0].shape[2];
        var relevance = eye(tokens, dtype: patterns[0].dtype, device: patterns[0].device).unsqueeze(0);
        for (var k = 0; k < patterns.Count; k++)
        {
            var step = (patterns[k] * gradients[k]).relu().mean([1]);
            relevance += step.matmul(relevance);
        }
        return relevance.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var first = task.Layer(0);
        var sites = Enumerable.Range(first, task.Blocks - first).Select(layer => task.Place(Site.Pattern, layer)).ToArray();
        var run = task.Differentiate(sites);
        foreach (var pattern in run.Values) _ = AttentionRead.Checked(task, pattern);
        var map = AttentionRead.Row(task, Propagate(run.Values, run.Gradients));
        return new Finding(map, FindingKind.PerToken, $"{sites[0]} to {sites[^1]}") { Scores = run.Scores, Targets = run.Targets, Note = AttentionRead.RowNote(task) };
    }
}
