using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Exact Adam for one parameter [F, d] or [d]: every row moves in every step, with or without a gradient, as torch moves it, in one pass over
/// parameter and memory. Owns the memory.
/// </summary>
internal sealed class RowAdam : IDisposable
{
    private readonly Tensor _parameter;

    /// <summary>No memory yet. Borrows the parameter, which must be dense.</summary>
    internal RowAdam(Tensor parameter)
    {
        _parameter = parameter;
        using var still = no_grad();
        Mean = parameter.zeros_like().DetachFromDisposeScope();
        Square = parameter.zeros_like().DetachFromDisposeScope();
    }

    /// <summary>Mean of gradients. Borrowed.</summary>
    internal Tensor Mean { get; }

    /// <summary>Mean of squared gradients. Borrowed.</summary>
    internal Tensor Square { get; }

    /// <summary>One step along row gradients.</summary>
    internal void Step(RowGradients gradient, RowRule rule) => SparseKernels.RowsUpdate(gradient.Parts, _parameter, Mean, Square, rule);

    /// <summary>One step along a gradient of the parameter's shape.</summary>
    internal void Step(Tensor gradient, RowRule rule)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var dense = gradient.contiguous();
        if (dense.ndim > 1) Step(RowGradients.Of(dense), rule);
        else SparseKernels.RowsUpdate([new RowPart(dense.unsqueeze(0))], _parameter.unsqueeze(0), Mean.unsqueeze(0), Square.unsqueeze(0), rule);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Square.Dispose();
    }
}
