using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The loss of dead features ("AuxK", Gao et al. 2024) and its gradients: factor/2 · Σ ‖k largest dead codes · W_dec − goal‖², the goal a
/// constant. Few features with many codes a row are multiplied as a small dense matrix, many with few as sparse rows.
/// </summary>
/// <param name="Squares">Σ ‖…‖².</param>
/// <param name="Encoder">The encoder's gradient.</param>
/// <param name="EncoderBias">The encoder bias's: [F].</param>
/// <param name="Decoder">The decoder's.</param>
internal sealed record SparseDead(double Squares, RowGradients Encoder, Tensor EncoderBias, RowGradients Decoder)
{
    // A gathered row costs about as much as so many columns of a matrix product.
    private const long DenseBelow = 8;

    /// <summary>Made in the current scope.</summary>
    /// <param name="forward">The step's forward pass.</param>
    /// <param name="decoder">W_dec: [F, d_out].</param>
    /// <param name="dead">Which features, ascending: int64 [m].</param>
    /// <param name="k">How many of them a row may use.</param>
    /// <param name="goal">[n, d_out].</param>
    /// <param name="factor">Of the loss.</param>
    internal static SparseDead Of(SparseForward forward, Tensor decoder, Tensor dead, int k, Tensor goal, double factor)
    {
        k = (int)Math.Min(k, dead.shape[0]);
        return k * DenseBelow < dead.shape[0] ? BySparseRows(forward, decoder, dead, k, goal, factor) : ByMatrix(forward, decoder, dead, k, goal, factor);
    }

    private static SparseDead BySparseRows(SparseForward forward, Tensor decoder, Tensor dead, int k, Tensor goal, double factor)
    {
        var chosen = forward.Among(dead, k);
        var error = chosen.Error(decoder, null, goal, new SparseLoss([factor]));
        return new SparseDead(
            error.Squares[0], chosen.EncoderGradients(error.Codes), chosen.EncoderBiasGradients(error.Codes), chosen.DecoderGradients(error.Gradients));
    }

    private static SparseDead ByMatrix(SparseForward forward, Tensor decoder, Tensor dead, int k, Tensor goal, double factor)
    {
        using var still = no_grad();
        var rows = decoder.index_select(0, dead);
        var pre = forward.ProductsOf(dead);
        if (forward.EncoderBias is { } bias) pre.add_(bias.index_select(0, dead));
        pre.relu_();
        var codes = pre;
        if (k < dead.shape[0])
        {
            var (values, places) = pre.topk(k, 1, sorted: false);
            codes = pre.zeros_like().scatter_(1, places, values);
        }
        var error = codes.matmul(rows).sub_(goal);
        var squares = error.square().sum().to(float64).item<double>();
        var gradient = error.mul_(factor);
        var felt = gradient.matmul(rows.t()).masked_fill_(codes.eq(0), 0);
        var features = forward.Features;
        return new SparseDead(
            squares, RowGradients.Of(felt.t().matmul(forward.Centred), dead, features),
            zeros(features, felt.dtype, felt.device).index_add_(0, dead, felt.sum([0L]), 1),
            RowGradients.Of(codes.t().matmul(gradient), dead, features));
    }
}
