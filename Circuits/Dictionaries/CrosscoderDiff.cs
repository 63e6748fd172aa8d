using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How far a feature of a crosscoder of two models belongs to the one or the other.</summary>
/// <param name="Share">‖d₂‖/(‖d₁‖ + ‖d₂‖): near 0 in the first model alone, near 1 in the second alone, near ½ in both.</param>
/// <param name="Cosine">Of the two decoder rows.</param>
public sealed record DiffedFeature(double Share, double Cosine)
{
    /// <summary>
    /// How much more of the first model's than of the second's error the feature explains, or the other way round for features of the first: βs of the model that
    /// lacks it over that of the model that has it. Near 0 where it is truly of one model; near 1 where it is in both and the decoder hides it. NaN before rows
    /// were measured.
    /// </summary>
    public double ErrorRatio { get; init; } = double.NaN;

    /// <summary>The same of what the crosscoder reconstructs: near 0 where other features do not stand in for it in the model that lacks it.</summary>
    public double ReconstructionRatio { get; init; } = double.NaN;
}

/// <summary>
/// What two models have apart and in common, read from a crosscoder of both (Lindsey et al. 2024), and latent scaling (Minder et al. 2025), which exposes features that
/// only seem to belong to one of them because the sparsity penalty shrank the other's decoder row.
/// </summary>
public static class CrosscoderDiff
{
    /// <summary>Shares and cosines of all features, from the weights alone.</summary>
    /// <param name="crosscoder">A crosscoder of two sites of one width. Borrowed.</param>
    /// <exception cref="ShapeException">It reads another number of sites.</exception>
    public static IReadOnlyList<DiffedFeature> Of(ICoder crosscoder)
    {
        using var scope = NewDisposeScope();
        var (first, second) = Rows(crosscoder);
        var (one, two) = (first.norm(1), second.norm(1));
        var shares = Numbers.Of(two / (one + two).clamp(min: 1e-30));
        var cosines = Numbers.Of((nn.functional.normalize(first) * nn.functional.normalize(second)).sum(1L));
        return [.. shares.Zip(cosines, (share, cosine) => new DiffedFeature(share, cosine))];
    }

    /// <summary>The same with latent scaling on values of both models.</summary>
    /// <param name="crosscoder">A crosscoder of two sites whose features both share. Borrowed.</param>
    /// <param name="x">Values of both models on the same tokens, [n, 2, d].</param>
    /// <exception cref="NotApplicableException">Its features are switched for each model apart.</exception>
    public static IReadOnlyList<DiffedFeature> Of(ICoder crosscoder, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(crosscoder);
        ArgumentNullException.ThrowIfNull(x);
        if (crosscoder is not ISparseCoder sparse) throw new NotApplicableException($"{crosscoder.Card.Name} switches its features for each model apart; latent scaling needs shared ones.");
        var found = Of(crosscoder);
        if (x.ndim != 3 || x.shape[1] != 2 || x.shape[2] * 2 != crosscoder.Card.Inputs) throw new ShapeException($"Values of both models are needed, [n, 2, {crosscoder.Card.Inputs / 2}]; got [{string.Join(", ", x.shape)}].");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        using var codes = sparse.Encode(x);
        using var silent = new DenseCodes(zeros(1, sparse.Card.Features));
        var bias = sparse.DecodeAlone(silent).reshape(2, -1);
        var (z, predicted) = (codes.ToDense(), sparse.Decode(codes, x).reshape(x.shape));
        var (first, second) = Rows(crosscoder);
        // β of each feature along either model's row, for either model's error and reconstruction without constants.
        (double[] Error, double[] Reconstruction) Betas(Tensor direction, int model)
        {
            var (error, reconstruction) = ((x - predicted).select(1, model), predicted.select(1, model) - bias[model]);
            return (Beta(z, direction, error), Beta(z, direction, reconstruction));
        }
        var betas = new[] { first, second }.Select(direction => new[] { Betas(direction, 0), Betas(direction, 1) }).ToArray();
        return [.. found.Select((feature, k) =>
        {
            // The owner's own part was taken out of its error and comes back: β + 1.
            var (owner, other) = feature.Share >= 0.5 ? (1, 0) : (0, 1);
            var own = betas[owner];
            return feature with { ErrorRatio = own[other].Error[k] / (own[owner].Error[k] + 1), ReconstructionRatio = own[other].Reconstruction[k] / own[owner].Reconstruction[k] };
        })];
    }

    /// <summary>argmin over β of Σ‖β·z·d − t‖² = Σ z⟨d, t⟩ / Σ z²‖d‖² for every feature; NaN where it never fires or writes nothing.</summary>
    /// <param name="codes">z, [n, F].</param>
    /// <param name="directions">d, [F, d].</param>
    /// <param name="goal">t, [n, d].</param>
    public static double[] Beta(Tensor codes, Tensor directions, Tensor goal)
    {
        ArgumentNullException.ThrowIfNull(codes);
        ArgumentNullException.ThrowIfNull(directions);
        ArgumentNullException.ThrowIfNull(goal);
        using var scope = NewDisposeScope();
        var above = Numbers.Of((codes.t().matmul(goal) * directions).sum(1L));
        var below = Numbers.Of(codes.square().sum(0L) * directions.square().sum(1L));
        return [.. above.Zip(below, (a, b) => b > 0 ? (double)a / b : double.NaN)];
    }

    // What each feature writes into either model, [F, d].
    private static (Tensor First, Tensor Second) Rows(ICoder crosscoder)
    {
        ArgumentNullException.ThrowIfNull(crosscoder);
        var decoder = crosscoder switch
        {
            DecoupledCrosscoder decoupled => decoupled.Weights.Decoder,
            ISparseCoder sparse => sparse.Directions,
            _ => throw new NotApplicableException($"{crosscoder.Card.Name} is no crosscoder."),
        };
        if (crosscoder.Card.Sites != 2) throw new ShapeException($"{crosscoder.Card.Name} reads {crosscoder.Card.Sites} sites; models are compared by a crosscoder of two.");
        var width = decoder.shape[1] / 2;
        return (decoder.narrow(1, 0, width), decoder.narrow(1, width, width));
    }
}
