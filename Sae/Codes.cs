using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Feature activations of a batch: rows × features, stored as suits the coder. Owns its tensors. What methods return belongs to the caller or
/// its scope.
/// </summary>
public abstract class Codes : IDisposable
{
    private protected Codes(long rows, int features) => (Rows, Features) = (rows, features);

    /// <summary>Number of encoded vectors.</summary>
    public long Rows { get; }

    /// <summary>Number of features.</summary>
    public int Features { get; }

    /// <summary>All activations: [rows, F].</summary>
    public abstract Tensor ToDense();

    /// <summary>One feature's activations: [rows].</summary>
    public abstract Tensor Column(int feature);

    /// <summary>Σ over features of activation × row of the matrix: [rows, F] · [F, d] → [rows, d].</summary>
    public abstract Tensor Times(Tensor featureRows);

    /// <summary>How many features are not zero, per row: int64 [rows].</summary>
    public abstract Tensor ActivePerRow();

    /// <summary>In how many rows each feature is not zero: int64 [F].</summary>
    public abstract Tensor ActivePerFeature();

    /// <summary>Each feature's sum over rows: [F].</summary>
    public abstract Tensor SumPerFeature();

    /// <summary>Some consecutive rows. The caller disposes them.</summary>
    public abstract Codes Slice(long start, long rows);

    /// <summary>The same places with other values: a function of the values that keeps zero. The caller disposes them.</summary>
    public abstract Codes Mapped(Func<Tensor, Tensor> change);

    /// <summary>Codes of the same features one after another; sparse where all parts are. The parts stay the caller's; the caller disposes the result.</summary>
    public static Codes Concat(IReadOnlyList<Codes> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        using var scope = NewDisposeScope();
        return parts.All(part => part is SparseCodes)
            ? SparseCodes.Concat([.. parts.Cast<SparseCodes>()])
            : new DenseCodes(cat([.. parts.Select(part => part.ToDense())]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes the tensors.</summary>
    protected abstract void Dispose(bool disposing);

    private protected void CheckSlice(long start, long rows)
    {
        if (start < 0 || rows < 0 || start + rows > Rows)
            throw new Core.ShapeException($"There are no rows {start} to {start + rows - 1}: the codes have {Rows}.");
    }

    private protected void CheckFeature(int feature)
    {
        if (feature < 0 || feature >= Features)
            throw new Core.OptionsException($"There is no feature {feature}: the coder has {Features} (0 to {Features - 1}).");
    }

    private protected void CheckRows(Tensor featureRows)
    {
        if (featureRows.ndim != 2 || featureRows.shape[0] != Features)
            throw new Core.ShapeException($"A matrix with {Features} feature rows is needed; [{string.Join(", ", featureRows.shape)}] was given.");
    }
}
