using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What a sparse step computed for one batch, and the gradients that follow from it. All tensors live in the step's scope; products in the
/// step's buffer, until its next call.
/// </summary>
internal sealed class SparseForward
{
    // Null where only approximate ones were computed.
    private readonly Tensor? _products;
    private FeatureOrder? _order;

    internal SparseForward(Tensor centred, Tensor encoder, Tensor? products, Tensor? bias, SparseRows codes) =>
        (Centred, Encoder, _products, EncoderBias, Codes) = (centred, encoder, products, bias, codes);

    /// <summary>What was encoded: [n, d_in].</summary>
    internal Tensor Centred { get; }

    /// <summary>W_encᵀ: [F, d_in].</summary>
    internal Tensor Encoder { get; }

    /// <summary>b_enc: [F].</summary>
    internal Tensor? EncoderBias { get; }

    /// <summary>The entries that were selected, in ascending order within a row.</summary>
    internal SparseRows Codes { get; private init; }

    /// <summary>Number of features, F.</summary>
    internal long Features => Encoder.shape[0];

    /// <summary>The entries by feature.</summary>
    internal FeatureOrder Order => _order ??= SparseKernels.ByFeature(Codes, Features);

    /// <summary>Exact products of some features, without the encoder's bias: [n, m], a new tensor.</summary>
    internal Tensor ProductsOf(Tensor features)
    {
        using var still = no_grad();
        if (_products is not null) return _products.index_select(1, features);
        using var scope = NewDisposeScope();
        return Centred.matmul(Encoder.index_select(0, features).t()).MoveToOuterDisposeScope();
    }

    /// <summary>The same entries with other values, such as those that a threshold closes set to zero.</summary>
    internal SparseForward With(Tensor values) => new(Centred, Encoder, _products, EncoderBias, Codes.With(values)) { _order = _order };

    /// <summary>Gives what it made to the scope outside the current one.</summary>
    internal SparseForward MoveToOuterScope()
    {
        Codes.MoveToOuterScope();
        _products?.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>The k largest of each row among some features, ascending int64 [m]: for the loss of dead features.</summary>
    internal SparseForward Among(Tensor features, int k)
    {
        using var still = no_grad();
        using var bias = EncoderBias?.index_select(0, features);
        using var columns = ProductsOf(features);
        var found = SparseKernels.TopK(columns, bias, k, positiveOnly: true);
        return new SparseForward(Centred, Encoder, _products, EncoderBias, found with { Indices = features.index_select(0, found.Indices) });
    }

    /// <summary>Codes·W_dec + b_dec: [n, d_out].</summary>
    internal Tensor Reconstruct(Tensor decoder, Tensor? bias)
    {
        using var still = no_grad();
        return SparseKernels.Decode(Codes, decoder, bias);
    }

    /// <summary>Predictions, errors and their gradients in one pass.</summary>
    internal SparseError Error(Tensor decoder, Tensor? bias, Tensor target, SparseLoss loss)
    {
        using var still = no_grad();
        return SparseKernels.Error(Codes, decoder, bias, target, loss.RowWeights, loss.Ends ?? [Features], [.. loss.Factors]);
    }

    /// <summary>What codes feel where predictions feel gradients [n, d_out]: [E]. For losses that <see cref="SparseLoss"/> does not cover.</summary>
    internal Tensor CodeGradients(Tensor gradients, Tensor decoder, long[]? ends = null)
    {
        using var still = no_grad();
        return SparseKernels.Dots(Codes, gradients, decoder, ends);
    }

    /// <summary>The decoder's gradient where predictions feel gradients [n, d_out], or [groups, n, d_out] from <see cref="Error"/>.</summary>
    internal RowGradients DecoderGradients(Tensor gradients, SparseLoss? loss = null) =>
        new([new RowPart(gradients, Order, Codes.Values, loss?.Ends)]);

    /// <summary>The encoder's gradient where pre-activations feel gradients [E].</summary>
    internal RowGradients EncoderGradients(Tensor codeGradients) => new([new RowPart(Centred, Order, codeGradients)]);

    /// <summary>What the encoder's bias feels: [F].</summary>
    internal Tensor EncoderBiasGradients(Tensor codeGradients) => SparseKernels.Sums(Order, codeGradients);

    /// <summary>What a bias feels that is subtracted from the input, from what the encoder's bias feels: −Σ_f g_f·W_enc,f [d_in].</summary>
    internal Tensor InputBiasGradients(Tensor encoderBiasGradients)
    {
        using var still = no_grad();
        using var scope = NewDisposeScope();
        return encoderBiasGradients.unsqueeze(0).matmul(Encoder).squeeze(0).neg_().MoveToOuterDisposeScope();
    }
}
