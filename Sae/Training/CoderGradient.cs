using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The gradient of one parameter on its way to the optimiser: a tensor, or rows that are never stored as a matrix. Projection and clipping of rows
/// are only noted; the optimiser's pass over the rows does them. Lives in the step's scope.
/// </summary>
internal sealed class CoderGradient
{
    private RowGradients? _rows;
    private Tensor? _whole;
    private double? _project;
    private double _share = 1;

    internal CoderGradient(Tensor whole) => _whole = whole;

    internal CoderGradient(RowGradients rows) => _rows = rows;

    /// <summary>Σ g² as it stands.</summary>
    internal double Squares(Tensor parameter) =>
        _rows is null ? Math.Pow(_whole!.norm().item<float>(), 2) : _rows.Squares(parameter, _project) * _share * _share;

    /// <summary>Makes it shorter.</summary>
    internal void Shrink(double share)
    {
        if (_rows is null) _whole!.mul_(share);
        else _share *= share;
    }

    /// <summary>Removes what points along the parameter's rows: g −= (g·ŵ)ŵ with ŵ = w / (‖w‖ + number).</summary>
    internal void Project(Tensor parameter, double number)
    {
        if (_rows is not null && _project is null)
        {
            _project = number;
            return;
        }
        var gradient = Settled(parameter);
        using var scope = NewDisposeScope();
        var unit = parameter / (parameter.norm(1, keepdim: true) + number);
        gradient.sub_((gradient * unit).sum(1, keepdim: true) * unit);
    }

    /// <summary>Does what was only noted, where that depends on the parameter: called before the parameter changes.</summary>
    internal void Settle(Tensor parameter)
    {
        if (_project is not null) Settled(parameter);
    }

    /// <summary>The gradient as it stands, as a tensor.</summary>
    internal Tensor ToDense(Tensor parameter)
    {
        if (_rows is null) return _whole!;
        var dense = _rows.ToDense(parameter.shape[0]);
        if (_project is { } number)
        {
            using var scope = NewDisposeScope();
            var unit = parameter / (parameter.norm(1, keepdim: true) + number);
            dense.sub_((dense * unit).sum(1, keepdim: true) * unit);
        }
        return _share == 1 ? dense : dense.mul_(_share);
    }

    /// <summary>The gradients of two batches together: rows where both are, a tensor otherwise.</summary>
    internal CoderGradient Plus(CoderGradient other, Tensor parameter) => _rows is { } rows && other._rows is { } more
        ? new CoderGradient(rows.Plus(more))
        : new CoderGradient(ToDense(parameter) + other.ToDense(parameter));

    /// <summary>One step of the parameter, where this is rows.</summary>
    /// <returns>Whether it is; otherwise nothing was done.</returns>
    internal bool Moves(Tensor parameter, Tensor mean, Tensor? square, RowRule rule)
    {
        if (_rows is null) return false;
        SparseKernels.RowsUpdate(_rows.Parts, parameter, mean, square, rule with { Project = _project, Clip = _share });
        return true;
    }

    /// <summary>Gives the tensors to a scope.</summary>
    internal CoderGradient MoveTo(DisposeScope scope)
    {
        _whole?.MoveToOtherDisposeScope(scope);
        _rows?.MoveTo(scope);
        return this;
    }

    private Tensor Settled(Tensor parameter)
    {
        (_whole, _rows, _project, _share) = (ToDense(parameter), null, null, 1);
        return _whole;
    }
}
