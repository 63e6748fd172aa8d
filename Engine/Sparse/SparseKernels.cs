using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// What sparse coders compute, on tensors: selection, products of sparse rows with feature rows [F, d], and their gradients. Float32 on the CPU
/// without gradient recording goes to native kernels; everything else, CUDA and recorded calls among it, to compositions of tensor operators
/// with the same results. Results are made in the current scope and do not depend on the number of threads.
/// </summary>
internal static partial class SparseKernels
{
    // Below this many numbers a second thread costs more than it does.
    private const long WorthAThread = 1 << 16;

    /// <summary>The k largest of each row of x + bias, or those of them above zero; equal ones by lower index.</summary>
    /// <param name="x">[n, F].</param>
    /// <param name="bias">[F].</param>
    /// <param name="k">How many.</param>
    /// <param name="positiveOnly">Only those above zero.</param>
    /// <param name="screen">What x approximates; null where it is exact. One that says afterwards that it was overrun has given nothing. So in the other selections.</param>
    internal static SparseRows TopK(Tensor x, Tensor? bias, int k, bool positiveOnly, Screen? screen = null)
    {
        CheckMatrix(x, bias);
        if (k < 1 || k > x.shape[1]) throw new ArgumentException($"k = {k} must be between 1 and the number of columns, {x.shape[1]}.", nameof(k));
        if (screen is null && !IsNative(x, bias)) return SparseComposite.TopK(x, bias, k, positiveOnly);
        using var dense = Dense(x);
        return Cut(dense, bias, screen, x.shape[0] * k, (starts, indices, values) => SparseNative.TopK(
            Address(dense.Value), x.shape[0], x.shape[1], AddressOf(bias), k, positiveOnly ? 1 : 0, Native(screen), starts, indices, values, Threads(x.numel())));
    }

    /// <summary>The largest entries above zero of the whole of x + bias, at most as many as wanted; equal ones by lower place.</summary>
    internal static SparseRows BatchTopK(Tensor x, Tensor? bias, long wanted, Screen? screen = null)
    {
        CheckMatrix(x, bias);
        ArgumentOutOfRangeException.ThrowIfNegative(wanted);
        wanted = Math.Min(wanted, x.numel());
        if (screen is null && !IsNative(x, bias)) return SparseComposite.BatchTopK(x, bias, wanted);
        using var dense = Dense(x);
        return Cut(dense, bias, screen, wanted, (starts, indices, values) => SparseNative.BatchTopK(
            Address(dense.Value), x.shape[0], x.shape[1], AddressOf(bias), wanted, Native(screen), starts, indices, values, Threads(x.numel())));
    }

    /// <summary>Every entry of x + bias above its column's limit [F].</summary>
    /// <param name="x">[n, F].</param>
    /// <param name="bias">[F].</param>
    /// <param name="limit">[F].</param>
    /// <param name="expected">How many entries there may be: room is made for so many at first.</param>
    /// <param name="screen">What x approximates.</param>
    internal static SparseRows Above(Tensor x, Tensor? bias, Tensor limit, long expected = 0, Screen? screen = null)
    {
        CheckMatrix(x, bias);
        if (limit.ndim != 1 || limit.shape[0] != x.shape[1]) throw new ArgumentException($"{x.shape[1]} limits are needed, {limit} was given.", nameof(limit));
        if (screen is null && !IsNative(x, bias, limit)) return SparseComposite.Above(x, bias, limit);
        using var dense = Dense(x);
        using var limits = Dense(limit);
        return Cut(dense, bias, screen, Math.Max(expected, 1), (starts, indices, values, room) => SparseNative.Above(
            Address(dense.Value), x.shape[0], x.shape[1], AddressOf(bias), Address(limits.Value), Native(screen), room, starts, indices, values, Threads(x.numel())));
    }

    /// <summary>bias + codes·matrix: [rows, d].</summary>
    internal static Tensor Decode(SparseRows codes, Tensor matrix, Tensor? bias = null)
    {
        CheckWidth(matrix, bias, "bias");
        if (!IsNative(codes.Values, matrix, bias)) return SparseComposite.Decode(codes, matrix, bias);
        using var rows = Dense(matrix);
        using var values = Dense(codes.Values);
        var result = empty(codes.Rows, matrix.shape[1]);
        SparseNative.Check(SparseNative.Decode(
            Address(codes.Starts), Address(codes.Indices), Address(values.Value), codes.Rows, Address(rows.Value), matrix.shape[0], matrix.shape[1],
            AddressOf(bias), Address(result), Threads(codes.Count * matrix.shape[1])), nameof(Decode));
        Hold(codes.Starts, codes.Indices, values.Value, rows.Value, bias, result);
        return result;
    }

    /// <summary>Σ of coefficients per feature: [F].</summary>
    internal static Tensor Sums(FeatureOrder order, Tensor coefs)
    {
        if (!IsNative(coefs)) return SparseComposite.Sums(order, coefs);
        using var dense = Dense(coefs);
        var sums = empty(order.Features);
        SparseNative.Check(SparseNative.Sums(Address(order.Starts), Address(order.Order), Address(dense.Value), order.Features, Address(sums)), nameof(Sums));
        Hold(order.Starts, order.Order, dense.Value, sums);
        return sums;
    }

    /// <summary>The entries in the order of their features.</summary>
    internal static FeatureOrder ByFeature(SparseRows codes, long features)
    {
        if (codes.Starts.device_type != DeviceType.CPU) return SparseComposite.ByFeature(codes, features);
        var order = new FeatureOrder(empty(features + 1, int64), empty(codes.Count, int64), empty(codes.Count, int64));
        SparseNative.Check(SparseNative.ByFeature(
            Address(codes.Starts), Address(codes.Indices), codes.Rows, features, Address(order.Starts), Address(order.Order), Address(order.Rows)), nameof(ByFeature));
        Hold(codes.Starts, codes.Indices, order.Starts, order.Order, order.Rows);
        return order;
    }

    private static ReadOnlySpan<SparseNative.Screen> Native(Screen? screen) => screen is null ? default : screen.Native();

    /// <summary>Whether the native kernels can take these numbers; nothing at all has no address and is left to operators too.</summary>
    private static bool IsNative(params ReadOnlySpan<Tensor?> tensors)
    {
        var records = is_grad_enabled();
        foreach (var tensor in tensors)
            if (tensor is not null && (tensor.device_type != DeviceType.CPU || tensor.dtype != ScalarType.Float32 || tensor.numel() == 0 || (records && tensor.requires_grad)))
                return false;
        return true;
    }

    private static int Threads(long work) => work < WorthAThread ? 1 : get_num_threads();

    // The collector may take a tensor whose address is all that is still in use: each call names its tensors once more at its end.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Hold(params ReadOnlySpan<Tensor?> tensors)
    {
    }

    // Empty tensors have no address that could be read.
    private static nint Address(Tensor tensor) => tensor.numel() == 0 ? 0 : Extras.Address(tensor);

    private static nint AddressOf(Tensor? vector) =>
        vector is null ? 0 : vector.is_contiguous() ? Extras.Address(vector) : throw new ArgumentException($"A dense vector is needed; {vector} is a view.");

    private static DenseView Dense(Tensor tensor) => new(tensor);

    private static void CheckMatrix(Tensor x, Tensor? bias)
    {
        if (x.ndim != 2) throw new ArgumentException($"A matrix is needed, {x} was given.", nameof(x));
        CheckWidth(x, bias, nameof(bias));
    }

    private static void CheckWidth(Tensor matrix, Tensor? vector, string name)
    {
        if (vector is not null && (vector.ndim != 1 || vector.shape[0] != matrix.shape[1]))
            throw new ArgumentException($"{name} must have {matrix.shape[1]} numbers; {vector} was given.", name);
    }

    private static SparseRows Cut(DenseView x, Tensor? bias, Screen? screen, long room, Func<nint, nint, nint, int> select) =>
        Cut(x, bias, screen, room, (starts, indices, values, _) => select(starts, indices, values));

    // Selects into as much room as may be needed, or again if it was too little, and keeps what was used.
    private static SparseRows Cut(DenseView x, Tensor? bias, Screen? screen, long room, Func<nint, nint, nint, long, int> select)
    {
        var starts = zeros(x.Value.shape[0] + 1, int64);
        using var scope = NewDisposeScope();
        while (true)
        {
            var (indices, values) = (empty(room, int64), empty(room));
            screen?.Examined.zero_();
            var status = select(Extras.Address(starts), Address(indices), Address(values), room);
            Hold(x.Value, bias, starts, indices, values);
            screen?.Hold();
            if (screen is not null && (screen.Overrun = status == SparseNative.TooOpen))
                return new SparseRows(starts.zero_(), indices.narrow(0, 0, 0).MoveToOuterDisposeScope(), values.narrow(0, 0, 0).MoveToOuterDisposeScope());
            var count = starts[starts.shape[0] - 1].item<long>();
            if (status == SparseNative.TooSmall)
            {
                room = count;
                continue;
            }
            SparseNative.Check(status, "Selecting entries");
            return new SparseRows(starts, Kept(indices, count).MoveToOuterDisposeScope(), Kept(values, count).MoveToOuterDisposeScope());
        }
    }

    // A copy where much of the room was not used, so that no memory is kept for nothing.
    private static Tensor Kept(Tensor room, long count) =>
        count == room.shape[0] ? room : count * 2 < room.shape[0] ? room.narrow(0, 0, count).clone() : room.narrow(0, 0, count);

    /// <summary>The tensor itself where it is contiguous, a copy otherwise; disposes what it made.</summary>
    private readonly struct DenseView : IDisposable
    {
        private readonly bool _copied;

        internal DenseView(Tensor tensor)
        {
            _copied = !tensor.is_contiguous();
            Value = _copied ? tensor.contiguous() : tensor;
        }

        internal Tensor Value { get; }

        public void Dispose()
        {
            if (_copied) Value.Dispose();
        }
    }
}
