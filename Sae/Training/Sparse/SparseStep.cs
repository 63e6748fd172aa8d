using Prisma.Core;
using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The forward half of a training step that stores no matrix [n, F] but the products x·W_encᵀ, and those in one buffer for all steps. Not for
/// two threads at once. Owns the buffer.
/// </summary>
internal sealed class SparseStep : IDisposable
{
    private Tensor? _products;

    /// <summary>Codes of centred inputs: norm(x) − b_in [n, d_in], W_encᵀ [F, d_in], b_enc [F]. Made in the current scope, without gradients.</summary>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    internal SparseForward Forward(Tensor centred, Tensor encoder, Tensor? bias, SparseSelection selection)
    {
        if (centred.ndim != 2 || encoder.ndim != 2 || centred.shape[1] != encoder.shape[1])
            throw new ShapeException($"Inputs {centred} do not fit the encoder {encoder}: [n, d] and [F, d] are needed.");
        using var still = no_grad();
        var products = Buffer(centred.shape[0], encoder);
        using (var transposed = encoder.t()) products.addmm_(centred, transposed, beta: 0);
        return new SparseForward(centred, encoder, products, bias, selection(products, bias));
    }

    /// <inheritdoc/>
    public void Dispose() => _products?.Dispose();

    // A view of the first rows would keep a larger buffer useful for a last, smaller batch.
    private Tensor Buffer(long rows, Tensor encoder)
    {
        if (_products is null || _products.shape[0] < rows || _products.shape[1] != encoder.shape[0] || _products.dtype != encoder.dtype || _products.device != encoder.device)
        {
            _products?.Dispose();
            _products = empty(rows, encoder.shape[0], encoder.dtype, encoder.device).DetachFromDisposeScope();
        }
        return _products.narrow(0, 0, rows);
    }
}
