using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// SAE Match (Balagansky et al. 2024): the features of two coders, of consecutive layers as a rule, matched without data. Scales are folded first
/// so that they are comparable: thresholds into the weights where a coder has them (e/θ, b/θ, d·θ), decoder lengths otherwise; then the assignment
/// of smallest Σ‖d − d′‖² + ‖e − e′‖² is found.
/// </summary>
/// <param name="Partner">For each feature of the first coder its partner in the second.</param>
/// <param name="Errors">‖d − d′‖² + ‖e − e′‖² of each pair, in the scales that were compared.</param>
/// <param name="Cosines">The decoder cosine of each pair.</param>
public sealed record LayerMatch(IReadOnlyList<int> Partner, IReadOnlyList<double> Errors, IReadOnlyList<double> Cosines)
{
    /// <summary>The mean of the pairs' errors.</summary>
    public double MeanError => Errors.Average();

    /// <summary>The mean decoder cosine.</summary>
    public double MeanCosine => Cosines.Average();

    /// <summary>Matches two coders.</summary>
    /// <param name="one">The first. Borrowed.</param>
    /// <param name="other">The second, with as many features and the same widths. Borrowed.</param>
    /// <param name="fold">Whether scales are folded; without it only coders whose scales agree can be compared.</param>
    /// <exception cref="ShapeException">Sizes differ, or there are more features than the assignment can take.</exception>
    public static LayerMatch Of(ISparseCoder one, ISparseCoder other, bool fold = true)
    {
        SeedOverlap.CheckAlike(one, other);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (first, second) = (Scaled(one, fold), Scaled(other, fold));
        // Norms do not depend on who is whose partner, so the smallest distance is the largest inner product.
        var alike = SeedOverlap.Square(first.Decoder.matmul(second.Decoder.t()) + first.Encoder.matmul(second.Encoder.t()));
        var partner = Assignment.OfLargest(alike);
        var order = tensor([.. partner.Select(k => (long)k)], [partner.Length]);
        var (decoder, encoder) = (second.Decoder.index_select(0, order), second.Encoder.index_select(0, order));
        var errors = (first.Decoder - decoder).square().sum(1L) + (first.Encoder - encoder).square().sum(1L);
        return new LayerMatch(partner, Doubles(errors), Doubles((nn.functional.normalize(first.Decoder) * nn.functional.normalize(decoder)).sum(1L)));
    }

    /// <summary>This match followed by one of the second coder with a third: a feature's path through layers.</summary>
    public IReadOnlyList<int> Then(LayerMatch next)
    {
        ArgumentNullException.ThrowIfNull(next);
        return [.. Partner.Select(k => next.Partner[k])];
    }

    /// <summary>
    /// Layer skipping: how much of the second place's variance is explained by the first coder's codes, handed to their partners and decoded by the second
    /// coder. 1 − Σ‖y − ŷ‖²/Σ‖y − ȳ‖²; beside it the same of the second coder itself.
    /// </summary>
    /// <param name="one">The first coder. Borrowed.</param>
    /// <param name="other">The second. Borrowed.</param>
    /// <param name="x">Values at the first place, [n, d].</param>
    /// <param name="y">Values at the second place of the same tokens, [n, d].</param>
    /// <param name="fold">As in <see cref="Of"/>.</param>
    public (double Skipped, double Own) Explained(ISparseCoder one, ISparseCoder other, Tensor x, Tensor y, bool fold = true)
    {
        SeedOverlap.CheckAlike(one, other);
        CentredRows.Check(x, y, least: 2);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        using var codes = one.Encode(x);
        using var own = other.Encode(y);
        var order = tensor([.. Partner.Select(k => (long)k)], [Partner.Count]);
        // A code in folded units is the code over the length that went into the decoder.
        var handed = codes.ToDense() / Scaled(one, fold).Lengths;
        using var silent = new DenseCodes(zeros(codes.Rows, other.Card.Features));
        var prediction = handed.matmul(Scaled(other, fold).Decoder.index_select(0, order)) + other.DecodeAlone(silent);
        return (Variance(y, prediction), Variance(y, other.Decode(own, y)));
    }

    private static double Variance(Tensor y, Tensor prediction)
    {
        var (goal, got) = (y.to(float64), prediction.to(float64));
        return 1 - (goal - got).square().sum().item<double>() / (goal - goal.mean([0], keepdim: true)).square().sum().item<double>();
    }

    // Weights in comparable scales; Lengths is what decoder rows were multiplied by, [F].
    private static (Tensor Decoder, Tensor Encoder, Tensor Lengths) Scaled(ISparseCoder coder, bool fold)
    {
        var lengths = !fold ? ones(coder.Card.Features)
            : coder is JumpReluCoder { Thresholds: var thresholds } ? thresholds.where(thresholds.gt(0), thresholds.ones_like())
            : coder.Directions.norm(1).clamp(min: 1e-12).reciprocal();
        return (coder.Directions * lengths.unsqueeze(1), coder.Detectors / lengths.unsqueeze(1), lengths);
    }

    private static double[] Doubles(Tensor values) => [.. Numbers.Of(values).Select(value => (double)value)];
}
