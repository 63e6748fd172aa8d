using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A crosscoder whose features are switched on for each site apart: z = Σ_l x_l·W_enc,l + b_enc is shared, site l keeps ReLU(z) where z·n_l > θ_l
/// (n_l = the length that the feature writes at l), x̂_l = f_l·W_dec,l + b_l. Activations [..., sites, d], features [..., sites, F]. Codes hold
/// the rows of site 0, then those of site 1, and so on.
/// </summary>
public sealed class DecoupledCrosscoder : ICoder
{
    private readonly CoderWeights _weights;
    private readonly Tensor _norms;
    private readonly Tensor? _thresholds;
    private readonly int? _k;

    /// <summary>Takes over the weights, whose inputs and outputs are the sites one after another.</summary>
    /// <param name="card">What the coder is; <see cref="CoderCard.Sites"/> says how many.</param>
    /// <param name="weights">W_enc [F, sites·d], W_dec [F, sites·d] and biases; without skip and norm.</param>
    /// <param name="norms">n: float32 [sites, F].</param>
    /// <param name="thresholds">θ: float32 [sites, F] or [sites, 1]; null to select over the batch.</param>
    /// <param name="k">How many features a row keeps at each site, on average over the batch; where there are no thresholds.</param>
    /// <exception cref="ShapeException">Sizes do not agree.</exception>
    /// <exception cref="OptionsException">Neither or both of thresholds and k are given.</exception>
    public DecoupledCrosscoder(CoderCard card, CoderWeights weights, Tensor norms, Tensor? thresholds, int? k)
    {
        ArgumentNullException.ThrowIfNull(card);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(norms);
        if (thresholds is null == k is null) throw new OptionsException($"{card.Name}: either thresholds or k is needed.");
        if (k < 1 || k > card.Features) throw new OptionsException($"{card.Name}: k = {k} must be between 1 and the number of features, {card.Features}.");
        weights.Keep(card.Name);
        if (card.Inputs != card.Outputs || card.Inputs % card.Sites != 0 || weights.Skip is not null || weights.Norm != InputNorm.None)
            throw new ShapeException($"{card.Name}: a decoupled crosscoder reads and writes the same {card.Sites} sites, without skip and norm.");
        if (!norms.shape.AsSpan().SequenceEqual([card.Sites, card.Features]))
            throw new ShapeException($"{card.Name}: the norms are [{string.Join(", ", norms.shape)}], [{card.Sites}, {card.Features}] fits.");
        if (thresholds is not null && (thresholds.ndim != 2 || thresholds.shape[0] != card.Sites || (thresholds.shape[1] != card.Features && thresholds.shape[1] != 1)))
            throw new ShapeException($"{card.Name}: the thresholds are [{string.Join(", ", thresholds.shape)}], [{card.Sites}, {card.Features}] fits.");
        (Card, _weights, _k) = (card, weights, k);
        _norms = norms.DetachFromDisposeScope();
        _thresholds = thresholds?.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public CoderCard Card { get; }

    /// <summary>The weights. Borrowed.</summary>
    public CoderWeights Weights => _weights;

    /// <summary>n: [sites, F]. Borrowed.</summary>
    public Tensor Norms => _norms;

    /// <summary>θ: [sites, F] or [sites, 1]; null where the selection is over the batch. Borrowed.</summary>
    public Tensor? Thresholds => _thresholds;

    /// <summary>How many features a row keeps at each site, on average over the batch; null where there are thresholds.</summary>
    public int? K => _k;

    /// <summary>Whether the format defines a selection over the batch for it, so that it can be chosen.</summary>
    internal bool SelectsBatchwise { get; init; }

    /// <inheritdoc/>
    public Codes Encode(Tensor x)
    {
        using var scope = NewDisposeScope();
        var rows = CoderRows.Of(Card, x).Flatten(x);
        if (_weights.InputBias is { } bias) rows = rows - bias;
        var shared = (rows.matmul(_weights.EncoderTransposed) + _weights.EncoderBias).relu();
        var sites = new List<Tensor>();
        for (var site = 0; site < Card.Sites; site++)
        {
            var written = shared * _norms.select(0, site);
            sites.Add(_thresholds is { } thresholds
                ? shared.masked_fill(written.le(thresholds.select(0, site)), 0)
                : LargestOf(shared, written));
        }
        return SparseCodes.FromDense(cat(sites));
    }

    /// <inheritdoc/>
    public Tensor Decode(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        return CoderRows.Of(Card, x).Restore(DecodeAlone(codes)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DecodeAlone(Codes codes)
    {
        using var scope = NewDisposeScope();
        var rows = codes.Rows / Card.Sites;
        var width = Card.Outputs / Card.Sites;
        var sites = new List<Tensor>();
        for (var site = 0; site < Card.Sites; site++)
        {
            using var part = codes.Slice(site * rows, rows);
            sites.Add(part.Times(_weights.Decoder.narrow(1, site * width, width)));
        }
        return (cat(sites, 1) + _weights.OutputBias).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Shaped(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        return PerSite(codes, x, codes.ToDense()).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor? Activations(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        return (PerSite(codes, x, codes.ToDense()) * _norms).sum(-2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weights.Dispose();
        _norms.Dispose();
        _thresholds?.Dispose();
    }

    private Tensor PerSite(Codes codes, Tensor x, Tensor dense)
    {
        var leading = CoderRows.Of(Card, x).Leading;
        return dense.reshape(Card.Sites, codes.Rows / Card.Sites, Card.Features).transpose(0, 1).reshape([.. leading, Card.Sites, Card.Features]);
    }

    private Tensor LargestOf(Tensor values, Tensor ranking)
    {
        var flat = values.flatten();
        var kept = checked((int)Math.Min(flat.numel(), _k!.Value * values.shape[0]));
        var (_, places) = ranking.flatten().topk(kept, 0, sorted: false);
        return flat.zeros_like().scatter(0, places, flat.gather(0, places)).view(values.shape);
    }
}
