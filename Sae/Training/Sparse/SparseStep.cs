using Prisma.Core;
using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The one matrix [n, F] that a sparse step stores, x·W_encᵀ, in a buffer for all steps; where the processor multiplies bfloat16 much faster,
/// approximately, and selections compute few entries exactly. Not for two threads at once. Owns the buffers.
/// </summary>
internal sealed class SparseStep : IDisposable
{
    // A kept entry costs about as much as so many entries of dense gradients; the smallest batches are quick in either way.
    private const long EntryCost = 32, Small = 1 << 20;

    // Smaller products are over before the approximation pays.
    private const long WorthScreening = 1 << 24;

    private readonly ProductScreen? _screen;
    private Tensor? _products;

    /// <summary>No buffers yet.</summary>
    /// <param name="screens">Whether products are approximated; by default where it is faster.</param>
    internal SparseStep(bool? screens = null) => _screen = screens ?? ProductScreen.IsFast ? new ProductScreen() : null;

    /// <summary>Whether so many entries of [rows, features] are few enough to be faster than dense gradients.</summary>
    internal static bool Pays(double entries, long rows, long features) => rows * features <= Small || entries * EntryCost <= rows * features;

    /// <summary>Products of centred inputs, norm(x) − b_in, with the encoder; they stand until the next call. Without gradients.</summary>
    /// <param name="centred">[n, d_in].</param>
    /// <param name="encoder">W_encᵀ: [F, d_in].</param>
    /// <param name="bias">b_enc [F], where it is used.</param>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    internal StepProducts Products(Tensor centred, Tensor encoder, Tensor? bias)
    {
        if (centred.ndim != 2 || encoder.ndim != 2 || centred.shape[1] != encoder.shape[1])
            throw new ShapeException($"Inputs {centred} do not fit the encoder {encoder}: [n, d] and [F, d] are needed.");
        using var still = no_grad();
        var products = Buffer(centred.shape[0], encoder);
        var screen = Screened(centred, encoder, bias, products);
        if (screen is null) Multiply(centred, encoder, products);
        return new StepProducts(centred, encoder, products, bias, screen);
    }

    /// <summary>Exact products into an existing matrix.</summary>
    internal static void Multiply(Tensor centred, Tensor encoder, Tensor products)
    {
        using var transposed = encoder.t();
        products.addmm_(centred, transposed, beta: 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _products?.Dispose();
        _screen?.Dispose();
    }

    private Screen? Screened(Tensor centred, Tensor encoder, Tensor? bias, Tensor products) =>
        _screen is not null && products.dtype == ScalarType.Float32 && products.device_type == DeviceType.CPU && products.numel() >= WorthScreening
            ? _screen.Product(centred, encoder, bias, products)
            : null;

    // A view of the first rows keeps a larger buffer useful for a last, smaller batch.
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
