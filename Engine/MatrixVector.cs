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

    /// <summary>Whether the kernel can do it: float32 or bfloat16 on the CPU, a dense matrix, no gradient to record.</summary>
    internal static bool Suits(Tensor matrix, Tensor x, Tensor? bias) =>
        matrix.device_type == DeviceType.CPU && x.device_type == DeviceType.CPU && matrix.dtype is ScalarType.Float32 or ScalarType.BFloat16
        && x.dtype == matrix.dtype && (bias is null || bias.dtype == matrix.dtype) && matrix.is_contiguous()
        && !(is_grad_enabled() && (x.requires_grad || matrix.requires_grad || bias is { requires_grad: true }));

    /// <summary>W x + b in the type of W: [..., rows]. The caller disposes it.</summary>
    /// <param name="matrix">[rows, width], dense.</param>
    /// <param name="x">[..., width], one row.</param>
    /// <param name="bias">[rows] or none.</param>
    /// <param name="vectors">Which vectors of the processor are used; for tests.</param>
    /// <exception cref="NotSupportedException">The processor lacks the vectors that are asked for.</exception>
    internal static Tensor Multiply(Tensor matrix, Tensor x, Tensor? bias, Vectors vectors = Vectors.Widest)
    {
        if (matrix.ndim != 2 || x.numel() != matrix.shape[1] || (bias is not null && bias.numel() != matrix.shape[0]))
            throw new ArgumentException($"A matrix {matrix}, a vector {x} and a bias {bias} do not fit together.");
        using var scope = NewDisposeScope();
        var (input, added) = (Wide(x), bias is null ? null : Wide(bias));
        var result = empty([.. x.shape[..^1], matrix.shape[0]]);
        var threads = matrix.numel() < WorthAThread ? 1 : get_num_threads();
        var at = added is null ? 0 : Extras.Address(added);
        var status = matrix.dtype == ScalarType.BFloat16
            ? Half(Extras.Address(matrix), matrix.shape[0], matrix.shape[1], Extras.Address(input), at, Extras.Address(result), (int)vectors, threads)
            : Single(Extras.Address(matrix), matrix.shape[0], matrix.shape[1], Extras.Address(input), at, Extras.Address(result), (int)vectors, threads);
        GC.KeepAlive((matrix, input, added, result));
        if (status != 0) throw new NotSupportedException($"This processor has no {vectors} vectors (status {status}).");
        return (matrix.dtype == ScalarType.Float32 ? result : result.to(matrix.dtype)).MoveToOuterDisposeScope();
    }

    private static Tensor Wide(Tensor x) => x.dtype == ScalarType.Float32 && x.is_contiguous() ? x : x.to(ScalarType.Float32).contiguous();

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
