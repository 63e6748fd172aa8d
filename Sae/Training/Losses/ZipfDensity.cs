using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The running density of features held against a Zipf law: what each should get by its rank, and how far it falls short. "Adaptive Sparse Allocation with
/// Mutual Choice and Feature Choice Sparse Autoencoders" (Ayonrinde 2024); the constants of the law and the exact form of the loss are our choice.
/// </summary>
internal sealed class ZipfDensity
{
    private readonly ZipfOptions _options;
    private readonly double _k;
    private readonly Tensor _density;
    private readonly double[] _shares;

    /// <param name="options">The law.</param>
    /// <param name="features">Number of features.</param>
    /// <param name="k">Features per row on average.</param>
    /// <param name="keep">Takes over what must be remembered from step to step.</param>
    internal ZipfDensity(ZipfOptions options, int features, double k, Func<string, Tensor, Tensor> keep)
    {
        (_options, _k) = (options, k);
        _density = keep("density", full(features, k / features));
        var law = Enumerable.Range(0, features).Select(rank => Math.Pow(rank + 1 + options.Offset, -options.Exponent)).ToArray();
        var sum = law.Sum();
        _shares = [.. law.Select(value => value / sum)];
    }

    /// <summary>The running density: [F]. Borrowed.</summary>
    internal Tensor Density => _density;

    /// <summary>Takes note of what fired: codes [n, F].</summary>
    internal void Follow(Tensor codes)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        _density.mul_(_options.Decay).add_(codes.detach().ne(0).to(float32).mean([0]), 1 - _options.Decay);
    }

    /// <summary>How many rows of a batch each feature may have: int64 [F], at least 1 and at most <paramref name="rows"/> each, Σ = k·rows as far as that allows.</summary>
    internal Tensor Budgets(long rows, double k)
    {
        var total = (long)Math.Round(k * rows);
        var byRank = new long[_shares.Length];
        double cumulated = 0;
        long given = 0;
        for (var rank = 0; rank < byRank.Length; rank++)
        {
            // What a full feature cannot take goes on to the next.
            cumulated += _shares[rank] * total;
            byRank[rank] = Math.Clamp((long)Math.Round(cumulated) - given, 1, rows);
            given += byRank[rank];
        }
        return ByFeature([.. byRank.Select(each => (double)each)]).to(int64);
    }

    /// <summary>max(0, 1 − density / wanted density): [F].</summary>
    internal Tensor Shortfall()
    {
        using var frozen = no_grad();
        var wanted = ByFeature([.. _shares.Select(share => Math.Min(1, share * _k))]);
        return (1 - _density / wanted).clamp_min(0);
    }

    /// <summary>
    /// Features that fire too seldom learn what is left over, each weighed by its shortfall; AuxK where the shortfall is 1 for dead features and 0 for others.
    /// Null where none falls short.
    /// </summary>
    /// <param name="shortfall">[F].</param>
    /// <param name="pre">Pre-activations [n, F].</param>
    /// <param name="error">What is to be predicted [n, d]; a constant.</param>
    /// <param name="k">Features used per row.</param>
    /// <param name="decode">Codes to a prediction without the bias.</param>
    internal static Tensor? Loss(Tensor shortfall, Tensor pre, Tensor error, int k, Func<Tensor, Tensor> decode)
    {
        if (shortfall.max().item<float>() <= 0) return null;
        var codes = Largest.OfRows(pre.relu() * shortfall, (int)Math.Min(k, pre.shape[1]));
        return (decode(codes) - error).square().sum() / Reconstruction.Spread(error).clamp_min(1e-30);
    }

    /// <summary>Takes note of what fired and forms the loss; empty where no feature falls short or it is switched off.</summary>
    /// <param name="options">The options.</param>
    /// <param name="forward">What was computed for the batch.</param>
    /// <param name="error">What is to be predicted [n, d]; a constant.</param>
    /// <param name="counted">The codes whose activity is followed; null for those that were kept.</param>
    internal IEnumerable<LossTerm> Terms(ZipfChoiceOptions options, DenseForward forward, Tensor error, Tensor? counted = null)
    {
        Follow(counted ?? forward.Codes);
        if (options.AuxZipf == 0) yield break;
        if (Loss(Shortfall(), forward.Ranked, error, options.Aux.K ?? (int)Math.Max(1, error.shape[1] / 2), forward.Decode) is { } loss)
            yield return new LossTerm("aux_zipf", loss, options.AuxZipf);
    }

    // The numbers of ranks given to the features that have them.
    private Tensor ByFeature(double[] byRank)
    {
        var order = _density.argsort(0, descending: true);
        return zeros(byRank.Length).scatter(0, order, tensor([.. byRank.Select(value => (float)value)], [byRank.Length]));
    }
}
