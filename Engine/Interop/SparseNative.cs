using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>The native kernels of sparse coders, by address. Sizes are checked by the caller; the native side checks indices.</summary>
internal static partial class SparseNative
{
    /// <summary>The status of a call whose result did not fit the room it was given.</summary>
    internal const int TooSmall = 4;

    /// <summary>The status of approximate products of numbers that have no bounds.</summary>
    internal const int Unsuited = 5;

    /// <summary>The status of a selection to which approximate products left too much open.</summary>
    internal const int TooOpen = 6;

    /// <summary>Turns a status into an exception.</summary>
    internal static void Check(int status, string what)
    {
        if (status == 2) throw new InsufficientMemoryException($"{what} needs more memory than there is.");
        if (status != 0) throw new ArgumentException($"{what} was called with sizes or indices that do not fit (status {status}).");
    }

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_topk")]
    internal static partial int TopK(
        nint x, long rows, long features, nint bias, long k, int positiveOnly, ReadOnlySpan<Screen> screen, nint starts, nint indices, nint values, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_batch_topk")]
    internal static partial int BatchTopK(
        nint x, long rows, long features, nint bias, long wanted, ReadOnlySpan<Screen> screen, nint starts, nint indices, nint values, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_above")]
    internal static partial int Above(
        nint x, long rows, long features, nint bias, nint limit, ReadOnlySpan<Screen> screen, long capacity, nint starts, nint indices, nint values,
        int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_decode")]
    internal static partial int Decode(
        nint starts, nint indices, nint values, long rows, nint matrix, long features, long width, nint bias, nint result, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_dots")]
    internal static partial int Dots(
        nint starts, nint indices, long rows, nint gradients, long groups, ReadOnlySpan<long> ends, nint matrix, long width, nint result, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_error")]
    internal static partial int Error(
        nint starts, nint indices, nint values, long rows, nint matrix, long width, nint bias, nint target, nint rowWeights, long groups,
        ReadOnlySpan<long> ends, ReadOnlySpan<double> factors, Span<double> squares, nint gradients, nint codeGradients, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_by_feature")]
    internal static partial int ByFeature(nint rowStarts, nint indices, long rows, long features, nint starts, nint order, nint rowOfEntry);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_sparse_sums")]
    internal static partial int Sums(nint starts, nint order, nint coefs, long features, nint sums);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_rows_dense")]
    internal static partial int Dense(ReadOnlySpan<Part> parts, long count, long features, long width, nint result, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_rows_squares")]
    internal static partial int Squares(
        ReadOnlySpan<Part> parts, long count, long features, long width, nint weights, double projects, out double sum, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_rows_update")]
    internal static partial int Update(
        ReadOnlySpan<Part> parts, long count, long features, long width, nint weights, nint mean, nint square, in Rule rule, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_screen_is_fast")]
    internal static partial int ScreenIsFast();

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_screen_words")]
    internal static partial long ScreenWords(long features, long width);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_screen_pack")]
    internal static partial int ScreenPack(nint w, long features, long width, nint packed, nint lengths, nint deltas, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_screen_product")]
    internal static partial int ScreenProduct(
        nint x, long rows, long width, nint packed, long features, int plain, nint result, nint rowLengths, nint rowDeltas, int threads);

    /// <summary>prisma_screen; none where products are exact.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Screen
    {
        internal nint X, W;
        internal long Width;
        internal nint RowLengths, RowDeltas, Lengths, Deltas, Examined;
        internal long Most;
    }

    /// <summary>prisma_row_part.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Part
    {
        internal nint Starts, Order, Rows, Coefs, Source, Ends;
        internal long Groups, Stride;
    }

    /// <summary>prisma_row_update.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Rule
    {
        internal long Kind;
        internal double Rate, Beta1, Beta2, Epsilon, Decay, Correction1, Correction2, Clip, Project, Unit;
    }
}
