using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// Approximate products x·wᵀ in bfloat16 with proven bounds, from which selections find what exact products would give by computing few of them.
/// Worth it where the processor multiplies bfloat16 faster than single precision; the result is the same everywhere. Owns the buffers for the rounded rows of w.
/// </summary>
internal sealed class ProductScreen : IDisposable
{
    // Rows that are computed exactly cost some twenty times their share of a whole product.
    private const long WorthAShare = 32;

    // Sums with it keep far away from overflow.
    private const float LargestBias = 1e30f;

    private Tensor? _packed, _lengths, _deltas, _w;
    private Tensor? _examined;

    /// <summary>Whether this processor multiplies so fast that the approximation pays.</summary>
    internal static bool IsFast { get; } = SparseNative.ScreenIsFast() != 0;

    /// <summary>Entries that the last selection computed exactly.</summary>
    internal long Examined => _examined?.item<long>() ?? 0;

    /// <summary>Rounds the rows of w for the products that follow. False where the numbers have no bounds, such as NaN or lengths above 10¹⁸.</summary>
    /// <param name="w">[F, d], float32; borrowed, and not to be changed before the last product.</param>
    /// <param name="bias">What selections will add, [F]; only looked at.</param>
    internal bool Pack(Tensor w, Tensor? bias)
    {
        Check(w);
        _w = null;
        // Written so that NaN fails too.
        if (bias is not null && !(bias.abs().max().item<float>() < LargestBias)) return false;
        var (features, width) = (w.shape[0], w.shape[1]);
        MakeRoom(features, SparseNative.ScreenWords(features, width));
        var rows = w.contiguous();
        var status = SparseNative.ScreenPack(Extras.Address(rows), features, width, Extras.Address(_packed!), Extras.Address(_lengths!), Extras.Address(_deltas!), get_num_threads());
        GC.KeepAlive(rows);
        if (status == SparseNative.Unsuited) return false;
        SparseNative.Check(status, "Rounding feature rows");
        _w = rows;
        return true;
    }

    /// <summary>Writes approximate products with the packed rows to a dense matrix [n, F]; null where the numbers have no bounds. Made in the current scope.</summary>
    /// <param name="x">[n, d], float32.</param>
    /// <param name="result">[n, F]; undefined where null is returned.</param>
    /// <param name="plain">Avoids vector instructions: slow, for tests on any processor.</param>
    internal Screen? Product(Tensor x, Tensor result, bool plain = false)
    {
        var w = _w ?? throw new InvalidOperationException("No feature rows are packed.");
        Check(x, result);
        if (x.shape[1] != w.shape[1] || result.shape[0] != x.shape[0] || result.shape[1] != w.shape[0] || !result.is_contiguous())
            throw new ArgumentException($"{x} and {w} have no product of the shape {result}.");
        var dense = x.contiguous();
        var (lengths, deltas) = (empty(x.shape[0]), empty(x.shape[0]));
        var status = SparseNative.ScreenProduct(
            Extras.Address(dense), x.shape[0], x.shape[1], Extras.Address(_packed!), w.shape[0], plain ? 1 : 0, Extras.Address(result), Extras.Address(lengths),
            Extras.Address(deltas), get_num_threads());
        var screen = new Screen(dense, w, lengths, deltas, _lengths!, _deltas!, _examined!, result.numel() / WorthAShare);
        screen.Hold();
        if (status == SparseNative.Unsuited) return null;
        SparseNative.Check(status, "Approximate products");
        return screen;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _packed?.Dispose();
        _lengths?.Dispose();
        _deltas?.Dispose();
        _examined?.Dispose();
    }

    private static void Check(params ReadOnlySpan<Tensor> matrices)
    {
        foreach (var tensor in matrices)
            if (tensor.dtype != ScalarType.Float32 || tensor.device_type != DeviceType.CPU || tensor.ndim != 2 || tensor.numel() == 0)
                throw new ArgumentException($"Approximate products need float32 matrices on the CPU; {tensor} is among them.");
    }

    private void MakeRoom(long features, long words)
    {
        if (_packed is null || _packed.shape[0] != words || _lengths!.shape[0] != features)
        {
            Dispose();
            _packed = empty(words, int32).DetachFromDisposeScope();
            _lengths = empty(features).DetachFromDisposeScope();
            _deltas = empty(features).DetachFromDisposeScope();
            _examined = zeros(1, int64).DetachFromDisposeScope();
        }
    }
}
