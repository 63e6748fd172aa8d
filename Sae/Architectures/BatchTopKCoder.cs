using Prisma.Core;
using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Trained to keep the k·rows largest of max(0, (x − b_in)·W_enc + b_enc) over a whole batch, so that hard rows get more features; run by a
/// threshold found in training, f·1[f > θ], or over the batch again. With <see cref="CoderWeights.CodeNorms"/> n, f·n is compared and f kept.
/// "BatchTopK Sparse Autoencoders" (Bussmann et al. 2024).
/// </summary>
public sealed class BatchTopKCoder : Coder
{
    private readonly double? _threshold;

    /// <summary>Takes over the weights.</summary>
    /// <param name="card">What the coder is.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="k">Features per row on average; need not be whole.</param>
    /// <param name="threshold">The stored θ; null where there is none. −1 keeps every positive entry.</param>
    /// <param name="selection">By default the threshold where there is one.</param>
    /// <exception cref="OptionsException">k is out of range, or the threshold is asked for and missing.</exception>
    public BatchTopKCoder(CoderCard card, CoderWeights weights, double k, double? threshold, Selection? selection = null) : base(card, weights)
    {
        if (!(k > 0) || k > Card.Features) throw new OptionsException($"{Card.Name}: k = {k} must be above 0 and at most the number of features, {Card.Features}.");
        if (selection == Sae.Selection.Threshold && threshold is null)
            throw new OptionsException($"{Card.Name} stores no threshold: use --select batch.");
        (K, _threshold) = (k, threshold);
        Selection = selection ?? (threshold is null ? Sae.Selection.Batch : Sae.Selection.Threshold);
    }

    /// <summary>Features per row on average.</summary>
    public double K { get; }

    /// <summary>The stored θ; null where there is none.</summary>
    public double? Threshold => _threshold;

    /// <summary>How features are selected.</summary>
    public Selection Selection { get; }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        if (Weights.CodeNorms is { } norms) return SelectByLength(products, norms);
        var entries = Selection == Sae.Selection.Threshold
            ? SparseKernels.Above(products, Weights.EncoderBias, Weights.EncoderBias.full_like(Math.Max(_threshold!.Value, 0)), Expected(products.shape[0]))
            : SparseKernels.BatchTopK(products, Weights.EncoderBias, Expected(products.shape[0]));
        return new SparseCodes(entries, Card.Features);
    }

    // Ranked by written length, kept as they are.
    private SparseCodes SelectByLength(Tensor products, Tensor norms)
    {
        var positive = (products + Weights.EncoderBias).relu();
        var ranking = positive * norms;
        if (Selection == Sae.Selection.Threshold)
            return SparseCodes.FromDense(positive.masked_fill(ranking.le(_threshold!.Value), 0));
        var flat = positive.flatten();
        var kept = checked((int)Math.Min(flat.numel(), Expected(positive.shape[0])));
        var (_, places) = ranking.flatten().topk(kept, 0, sorted: false);
        return SparseCodes.FromDense(flat.zeros_like().scatter(0, places, flat.gather(0, places)).view(positive.shape));
    }

    private long Expected(long rows) => (long)(K * rows);
}
