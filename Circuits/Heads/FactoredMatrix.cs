using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// A product A·B of a tall and a wide matrix that is never formed: what a head does to the stream (W_V·W_O) or which pairs it attends
/// (W_Q·W_Kᵀ), rank k instead of d. Vectors are rows. Owns both factors; dispose it.
/// </summary>
public sealed class FactoredMatrix : IDisposable
{
    /// <summary>Takes over A [n, k] and B [k, m].</summary>
    /// <exception cref="ShapeException">They do not fit.</exception>
    public FactoredMatrix(Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.ndim != 2 || b.ndim != 2 || a.shape[1] != b.shape[0])
            throw new ShapeException($"A factored matrix needs [n, k] and [k, m]; got [{string.Join(", ", a.shape)}] and [{string.Join(", ", b.shape)}].");
        (A, B) = (a.DetachFromDisposeScope(), b.DetachFromDisposeScope());
    }

    /// <summary>[n, k]. Borrowed.</summary>
    public Tensor A { get; }

    /// <summary>[k, m]. Borrowed.</summary>
    public Tensor B { get; }

    /// <summary>The transpose; the caller disposes it.</summary>
    public FactoredMatrix Transposed()
    {
        using var scope = NewDisposeScope();
        return new FactoredMatrix(B.t().contiguous(), A.t().contiguous());
    }

    /// <summary>x·A·B for rows x [..., n]. The caller (or its scope) disposes it.</summary>
    public Tensor Apply(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        return x.matmul(A).matmul(B).MoveToOuterDisposeScope();
    }

    /// <summary>This times another, with the smaller inner size kept; the caller disposes it.</summary>
    public FactoredMatrix Times(FactoredMatrix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        using var scope = NewDisposeScope();
        var middle = B.matmul(other.A);
        return A.shape[1] <= other.A.shape[1]
            ? new FactoredMatrix(A.clone(), middle.matmul(other.B))
            : new FactoredMatrix(A.matmul(middle), other.B.clone());
    }

    /// <summary>‖A·B‖_F = √tr(AᵀA · BBᵀ).</summary>
    public double Norm()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (A.to(float64), B.to(float64));
        return Math.Sqrt(Math.Max(0, (a.t().matmul(a) * b.matmul(b.t())).sum().item<double>()));
    }

    /// <summary>Singular value decomposition, at most k values: U [n, k], S [k], Vh [k, m]. The caller (or its scope) disposes them.</summary>
    public (Tensor U, Tensor S, Tensor Vh) Svd()
    {
        using var scope = NewDisposeScope();
        var (left, leftValues, leftTurn) = linalg.svd(A, fullMatrices: false);
        var (rightTurn, rightValues, right) = linalg.svd(B, fullMatrices: false);
        var middle = leftValues.unsqueeze(1) * leftTurn.matmul(rightTurn) * rightValues.unsqueeze(0);
        var (u, s, vh) = linalg.svd(middle, fullMatrices: false);
        return (left.matmul(u).MoveToOuterDisposeScope(), s.MoveToOuterDisposeScope(), vh.matmul(right).MoveToOuterDisposeScope());
    }

    /// <summary>The full matrix, [n, m]. The caller (or its scope) disposes it.</summary>
    public Tensor ToDense() => A.matmul(B);

    /// <inheritdoc/>
    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}
