using Prisma.Core;
using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The forward half of a training step that stores no matrix [n, F] but the products x·W_encᵀ, and those in one buffer for all steps; where the
/// processor multiplies bfloat16 much faster, approximate ones, of which the selection computes few exactly. Not for two threads at once. Owns
/// the buffers.
/// </summary>
internal sealed class SparseStep : IDisposable
{
    // Smaller products are over before the approximation pays.
    private const long WorthScreening = 1 << 24;

    private readonly ProductScreen? _screen;
    private bool _screens;
    private Tensor? _products;

    /// <summary>No buffers yet.</summary>
    /// <param name="screens">Whether products are approximated; by default where it is faster.</param>
    internal SparseStep(bool? screens = null)
    {
        _screens = screens ?? ProductScreen.IsFast;
        _screen = _screens ? new ProductScreen() : null;
    }

    /// <summary>Codes of centred inputs: norm(x) − b_in [n, d_in], W_encᵀ [F, d_in], b_enc [F]. Made in the current scope, without gradients.</summary>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    internal SparseForward Forward(Tensor centred, Tensor encoder, Tensor? bias, SparseSelection selection)
    {
        if (centred.ndim != 2 || encoder.ndim != 2 || centred.shape[1] != encoder.shape[1])
            throw new ShapeException($"Inputs {centred} do not fit the encoder {encoder}: [n, d] and [F, d] are needed.");
        using var still = no_grad();
        var products = Buffer(centred.shape[0], encoder);
        if (Screened(centred, encoder, products) is { } screen)
        {
            var found = selection(products, bias, screen);
            // Data that leave much open will do so again.
            if (_screen!.LeftTooMuchOpen(products.numel())) _screens = false;
            return new SparseForward(centred, encoder, null, bias, found);
        }
        using (var transposed = encoder.t()) products.addmm_(centred, transposed, beta: 0);
        return new SparseForward(centred, encoder, products, bias, selection(products, bias, null));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _products?.Dispose();
        _screen?.Dispose();
    }

    private Screen? Screened(Tensor centred, Tensor encoder, Tensor products) =>
        _screens && products.dtype == ScalarType.Float32 && products.device_type == DeviceType.CPU && products.numel() >= WorthScreening
            ? _screen!.Product(centred, encoder, products)
            : null;

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
