using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How two representations of the same inputs are compared.</summary>
public enum SimilarityMeasure
{
    /// <summary><see cref="Circuits.Cka.Linear"/>.</summary>
    Cka,
    /// <summary><see cref="Circuits.Cka.Debiased"/>.</summary>
    Debiased,
    /// <summary><see cref="Circuits.Cka.NearestNeighbours"/>.</summary>
    Cknna,
    /// <summary><see cref="Circuits.Svcca"/>.</summary>
    Svcca,
}

/// <summary>A table of how alike the values at places of one model, or of two, are on the same pictures.</summary>
public static class SiteSimilarity
{
    /// <summary>The values at places, one row per picture (mean over its tokens) or per token: in double precision, in the order of the places. The caller (or its scope) disposes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batches">Its inputs; borrowed one after another.</param>
    /// <param name="globs">Names of places; * crosses dots.</param>
    /// <param name="perToken">One row per token in place of one per picture.</param>
    /// <exception cref="ShapeException">A place holds no vectors per picture or token.</exception>
    public static IReadOnlyList<(HookSite Site, Tensor Rows)> Read(HookedModel model, IEnumerable<ModelInput> batches, IReadOnlyList<string> globs, bool perToken)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        ArgumentNullException.ThrowIfNull(globs);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var plan = globs.Aggregate(HookPlan.Empty, (all, glob) => all.Keep(glob));
        var (sites, rows) = (new List<HookSite>(), new List<List<Tensor>>());
        foreach (var batch in batches)
        {
            using var inner = NewDisposeScope();
            using var recording = model.Run(batch, plan);
            if (sites.Count == 0) foreach (var site in recording.Cache.Sites) Start(site);
            for (var k = 0; k < sites.Count; k++) rows[k].Add(Rows(recording.Cache[sites[k]], sites[k], perToken).MoveToOtherDisposeScope(scope));
        }
        return [.. sites.Select((site, k) => (site, cat([.. rows[k]], 0).MoveToOuterDisposeScope()))];

        void Start(HookSite site)
        {
            sites.Add(site);
            rows.Add([]);
        }
    }

    /// <summary>The measure of every pair: [one, other].</summary>
    public static double[,] Table(IReadOnlyList<Tensor> one, IReadOnlyList<Tensor> other, SimilarityMeasure measure)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        var values = new double[one.Count, other.Count];
        for (var r = 0; r < one.Count; r++)
            for (var c = 0; c < other.Count; c++)
                // All four measures are the same either way round.
                values[r, c] = ReferenceEquals(one, other) && c < r ? values[c, r] : Of(one[r], other[c], measure);
        return values;
    }

    private static double Of(Tensor x, Tensor y, SimilarityMeasure measure) => measure switch
    {
        SimilarityMeasure.Cka => Cka.Linear(x, y),
        SimilarityMeasure.Debiased => Cka.Debiased(x, y),
        SimilarityMeasure.Cknna => Cka.NearestNeighbours(x, y),
        _ => Svcca.Of(x, y).Score,
    };

    // [B, d] stays; [B, P, d] becomes means or rows; further axes (heads) are laid side by side.
    private static Tensor Rows(Tensor value, HookSite site, bool perToken)
    {
        if (value.ndim < 2) throw new ShapeException($"{site} is [{string.Join(", ", value.shape)}]: no vectors to compare.");
        using var scope = NewDisposeScope();
        var exact = value.to(float64);
        var rows = exact.ndim == 2 ? exact : perToken ? exact.flatten(2).flatten(0, 1) : exact.flatten(2).mean([1]);
        return rows.cpu().clone().MoveToOuterDisposeScope();
    }
}
