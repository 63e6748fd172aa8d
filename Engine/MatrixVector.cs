using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// y = W x + b for one vector, at the speed at which memory gives W: libtorch's product copies or converts the matrix first in bfloat16 and leaves
/// a third of the bandwidth unused in single precision. Sums are taken in single precision; a result in bfloat16 is rounded once.
/// </summary>
internal static partial class MatrixVector
{
    // Below this many numbers a second thread costs more than it does.
    private const long WorthAThread = 1 << 15;

    /// <summary>
    /// W x + b in the type of W, [..., rows]; null where the kernel cannot do it, because x is more than one row, W is not dense, something is neither
    /// float32 nor bfloat16 on the CPU, or a gradient is to be recorded. The caller disposes it.
    /// </summary>
    /// <param name="matrix">[rows, width].</param>
    /// <param name="x">[..., width].</param>
    /// <param name="bias">[rows] or none.</param>
    /// <param name="vectors">Which vectors of the processor are used; for tests.</param>
    /// <exception cref="NotSupportedException">The processor lacks the vectors that are asked for.</exception>
    internal static Tensor? Product(Tensor matrix, Tensor x, Tensor? bias, Vectors vectors = Vectors.Widest)
    {
        var (w, v, b) = (Extras.Facts(matrix), Extras.Facts(x), bias is null ? default(TensorFacts?) : Extras.Facts(bias));
        if (!w.IsPlain || w.Type is not (ScalarType.Float32 or ScalarType.BFloat16) || !Fits(v, w) || !(b is not { } added || Fits(added, w))) return null;
        if (is_grad_enabled() && (w.NeedsGradient || v.NeedsGradient || b is { NeedsGradient: true })) return null;
        var (shape, sizes) = (x.shape, matrix.shape);
        if (sizes is not [var rows, var width] || v.Count != width || shape[^1] != width || (b is { } addend && addend.Count != rows)) return null;

        using var scope = NewDisposeScope();
        var (input, offset) = (Wide(x, v), bias is null ? null : Wide(bias, b!.Value));
        shape[^1] = rows;
        var result = empty(shape);
        var threads = w.Count < WorthAThread ? 1 : get_num_threads();
        var at = offset is null ? 0 : Extras.Address(offset);
        var status = w.Type == ScalarType.BFloat16
            ? Half(Extras.Address(matrix), rows, width, Extras.Address(input), at, Extras.Address(result), (int)vectors, threads)
            : Single(Extras.Address(matrix), rows, width, Extras.Address(input), at, Extras.Address(result), (int)vectors, threads);
        GC.KeepAlive((matrix, input, offset, result));
        if (status != 0) throw new NotSupportedException($"This processor has no {vectors} vectors (status {status}).");
        return (w.Type == ScalarType.Float32 ? result : result.to(w.Type)).MoveToOuterDisposeScope();
    }

    private static bool Fits(TensorFacts vector, TensorFacts matrix) => vector.Device == matrix.Device && vector.Type == matrix.Type;

    private static Tensor Wide(Tensor x, TensorFacts facts) => facts.Type == ScalarType.Float32 && facts.IsDense ? x : x.to(ScalarType.Float32).contiguous();

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_matvec")]
    private static partial int Single(nint w, long rows, long width, nint x, nint bias, nint y, int kind, int threads);

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_matvec_bf16")]
    private static partial int Half(nint w, long rows, long width, nint x, nint bias, nint y, int kind, int threads);

    /// <summary>Vectors of the processor.</summary>
    internal enum Vectors
    {
        /// <summary>The widest there are.</summary>
        Widest = 0,

        /// <summary>None.</summary>
        None = 1,

        /// <summary>256 bits.</summary>
        Avx2 = 2,
    }
}
