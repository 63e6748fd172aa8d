using Prisma.Core;
using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The one large matrix that a sparse step stores, x·W_encᵀ [n, F] or a band of its rows, in a buffer for all steps; where the processor multiplies
/// bfloat16 much faster, approximately, and selections compute few entries exactly. Not for two threads at once. Owns the buffers.
/// </summary>
internal sealed class SparseStep : IDisposable
{
    // A kept entry costs about as much as so many entries of dense gradients; the smallest batches are quick in either way.
    private const long EntryCost = 32, Small = 1 << 20;

    // Fewer rows would take the encoder through the caches too often.
    private const long BandRows = 1024;

    // Smaller products are over before the approximation pays.
    private const long WorthScreening = 1 << 24;

    private readonly ProductScreen? _screen;
    private Tensor? _products;

    /// <summary>No buffers yet.</summary>
    /// <param name="screens">Whether products are approximated; by default where it is faster.</param>
    internal SparseStep(bool? screens = null) => _screen = screens ?? ProductScreen.IsFast ? new ProductScreen() : null;

    /// <summary>Whether so many entries of [rows, features] are few enough to be faster than dense gradients.</summary>
    internal static bool Pays(double entries, long rows, long features) => rows * features <= Small || entries * EntryCost <= rows * features;

    /// <summary>Products of centred inputs, norm(x) − b_in, with the encoder, for selections to form; one batch at a time. Without gradients.</summary>
    /// <param name="centred">[n, d_in].</param>
    /// <param name="encoder">W_encᵀ: [F, d_in].</param>
    /// <param name="bias">b_enc [F], where it is used.</param>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    internal StepProducts Products(Tensor centred, Tensor encoder, Tensor? bias)
    {
        if (centred.ndim != 2 || encoder.ndim != 2 || centred.shape[1] != encoder.shape[1])
            throw new ShapeException($"Inputs {centred} do not fit the encoder {encoder}: [n, d] and [F, d] are needed.");
        using var still = no_grad();
        return new StepProducts(this, centred, encoder, bias);
    }

    /// <summary>Whether products of these numbers are approximated; if so, the encoder is made ready for it.</summary>
    internal bool Approximates(Tensor centred, Tensor encoder, Tensor? bias) =>
        _screen is not null && encoder.dtype == ScalarType.Float32 && encoder.device_type == DeviceType.CPU && centred.shape[0] * encoder.shape[0] >= WorthScreening
        && _screen.Pack(encoder, bias);

    /// <summary>Approximate products with the encoder that is ready; null where the numbers have no bounds.</summary>
    internal Screen? Approximate(Tensor rows, Tensor products) => _screen!.Product(rows, products);

    /// <summary>A batch in bands of rows, enough for every thread.</summary>
    internal static IReadOnlyList<Tensor> Bands(Tensor rows)
    {
        var height = rows.device_type == DeviceType.CPU ? Math.Max(BandRows, BandRows / 4 * get_num_threads()) : rows.shape[0];
        return rows.shape[0] <= height ? [rows] : rows.split(height);
    }

    /// <summary>Room for products of so many rows; the numbers of the last call are lost. A view of the first rows keeps a larger buffer useful for a smaller batch.</summary>
    internal Tensor Buffer(long rows, Tensor encoder)
    {
        if (_products is null || _products.shape[0] < rows || _products.shape[1] != encoder.shape[0] || _products.dtype != encoder.dtype || _products.device.ToString() != encoder.device.ToString())
        {
            _products?.Dispose();
            _products = empty(rows, encoder.shape[0], encoder.dtype, encoder.device).DetachFromDisposeScope();
        }
        return _products.narrow(0, 0, rows);
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
}
