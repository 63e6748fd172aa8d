using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The gradient of a matrix of feature rows [F, d], as the coefficients and rows that make it up; no matrix is stored. Several losses give
/// several parts. Borrows its tensors, which live in the step's scope.
/// </summary>
internal sealed class RowGradients(IReadOnlyList<RowPart> parts)
{
    /// <summary>The summands.</summary>
    internal IReadOnlyList<RowPart> Parts { get; } = parts;

    /// <summary>A gradient of some features, ascending int64 [m], as a matrix [m, d]; zero for the others.</summary>
    internal static RowGradients Of(Tensor dense, Tensor some, long features)
    {
        using var scope = NewDisposeScope();
        var places = arange(0, some.shape[0], int64, some.device);
        var starts = searchsorted(some, arange(0, features + 1, int64, some.device));
        var order = new FeatureOrder(starts.MoveToOuterDisposeScope(), places.MoveToOuterDisposeScope(), places);
        return new([new RowPart(dense, order, ones(some.shape[0], dense.dtype, dense.device).MoveToOuterDisposeScope())]);
    }

    /// <summary>The sum of two gradients.</summary>
    internal RowGradients Plus(RowGradients other) => new([.. Parts, .. other.Parts]);

    /// <summary>The gradient as a matrix: [F, d].</summary>
    internal Tensor ToDense(long features) => SparseKernels.RowsDense(Parts, features);

    /// <summary>Σ g², after the projection off the rows of the parameter where a number is given: for clipping.</summary>
    internal double Squares(Tensor parameter, double? project = null) => SparseKernels.RowsSquares(Parts, parameter, project);

    /// <summary>Gives the tensors to a scope; several gradients may share some.</summary>
    internal void MoveTo(DisposeScope scope)
    {
        foreach (var tensor in Parts.SelectMany(part => new[] { part.Source, part.Coefs, part.Order?.Starts, part.Order?.Order, part.Order?.Rows }))
            tensor?.MoveToOtherDisposeScope(scope);
    }
}
