using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Attention rollout (Abnar and Zuidema 2020): Ã = rows of (½·attention + ½·identity) normalised, R = Ã of the last block times … times
/// Ã of the first; the map is the row of the token that the answer is read from. An optional share of the smallest entries is left out
/// first, never the first column. Attention divided into time and space is multiplied in the order in which it runs. The same for every target.
/// </summary>
public sealed class AttentionRollout : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "rollout";

    /// <inheritdoc/>
    public override string Summary => "attention multiplied through all blocks up to one (the last by default)";

    /// <inheritdoc/>
    public override string Meaning => "share of the answer's token that flowed from the patch if values were only averaged";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <summary>R of fused patterns [B, P, P] in forward order: [B, P, P]; its rows sum to 1. The caller (or its scope) disposes it.</summary>
    /// <param name="fused">One map for each block.</param>
    /// <param name="discard">The share of entries of each picture's map to leave out, smallest first.</param>
    public static Tensor Roll(IReadOnlyList<Tensor> fused, double discard = 0)
    {
        ArgumentNullException.ThrowIfNull(fused);
        using var scope = NewDisposeScope();
        var tokens = fused[0].shape[1];
        var identity = eye(tokens, dtype: fused[0].dtype, device: fused[0].device);
        Tensor? rolled = null;
        foreach (var map in fused)
        {
            var mixed = Discarded(map, discard) * 0.5 + identity * 0.5;
            var step = mixed / mixed.sum(-1, keepdim: true);
            rolled = rolled is null ? step : step.matmul(rolled);
        }
        return rolled!.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var rolled = task.Stacks.Select(stack => Roll(AttentionRead.Mixings(stack, stack.Layer(-1)), task.Options.Discard)).ToList();
        var (first, last) = (task.Place(Site.Pattern, 0), task.Stacks[^1].Place(Site.Pattern, task.Stacks[^1].Layer(-1)));
        return new Finding(AttentionRead.Row(task, rolled), FindingKind.PerToken, $"{first} to {last}")
        {
            Note = AttentionRead.RowNote(task),
        };
    }

    // The smallest entries of each picture become zero, except in the column of the first token.
    private static Tensor Discarded(Tensor map, double share)
    {
        var count = (int)(map.shape[1] * map.shape[2] * share);
        if (count == 0) return map;
        var (_, smallest) = map.flatten(1).topk(count, largest: false);
        var kept = ones([map.shape[0], map.shape[1] * map.shape[2]], map.dtype, map.device)
            .scatter(1, smallest, zeros(smallest.shape, map.dtype, map.device)).view(map.shape);
        var first = cat([ones([1], map.dtype, map.device), zeros([map.shape[2] - 1], map.dtype, map.device)], 0);
        return map * kept.maximum(first);
    }
}
