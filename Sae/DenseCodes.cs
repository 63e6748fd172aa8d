using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Codes with every entry stored: [rows, F].</summary>
public sealed class DenseCodes : Codes
{
    private readonly Tensor _values;

    /// <summary>Takes over a tensor [rows, F].</summary>
    public DenseCodes(Tensor values) : base(values.shape[0], checked((int)values.shape[1])) => _values = values.DetachFromDisposeScope();

    /// <inheritdoc/>
    public override Tensor ToDense() => _values.alias();

    /// <inheritdoc/>
    public override Tensor Column(int feature)
    {
        CheckFeature(feature);
        return _values.select(1, feature);
    }

    /// <inheritdoc/>
    public override Tensor Times(Tensor featureRows)
    {
        CheckRows(featureRows);
        return _values.matmul(featureRows);
    }

    /// <inheritdoc/>
    public override Tensor ActivePerRow()
    {
        using var active = _values.ne(0);
        return active.sum(1);
    }

    /// <inheritdoc/>
    public override Tensor ActivePerFeature()
    {
        using var active = _values.ne(0);
        return active.sum(0L);
    }

    /// <inheritdoc/>
    public override Tensor SumPerFeature() => _values.sum(0L);

    /// <inheritdoc/>
    public override Codes Slice(long start, long rows)
    {
        CheckSlice(start, rows);
        using var scope = NewDisposeScope();
        return new DenseCodes(_values.narrow(0, start, rows).clone());
    }

    /// <inheritdoc/>
    public override Codes Mapped(Func<Tensor, Tensor> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        using var scope = NewDisposeScope();
        return new DenseCodes(change(_values));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _values.Dispose();
}
