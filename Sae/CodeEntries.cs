using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The entries of codes that are not zero, as plain arrays, row by row: what counting needs. No native memory.</summary>
public sealed class CodeEntries
{
    private readonly long[] _features, _starts;
    private readonly float[] _values;

    private CodeEntries(SparseCodes codes)
    {
        using var scope = NewDisposeScope();
        _features = codes.Indices.cpu().data<long>().ToArray();
        _starts = codes.RowStarts.cpu().data<long>().ToArray();
        _values = codes.Values.to(ScalarType.Float32).cpu().data<float>().ToArray();
        Count = codes.Features;
    }

    /// <summary>Number of encoded vectors.</summary>
    public int Rows => _starts.Length - 1;

    /// <summary>Number of features.</summary>
    public int Count { get; }

    /// <summary>Copies the entries of codes, dense or sparse. Borrows the codes.</summary>
    public static CodeEntries Of(Codes codes)
    {
        ArgumentNullException.ThrowIfNull(codes);
        if (codes is SparseCodes sparse) return new CodeEntries(sparse);
        using var scope = NewDisposeScope();
        using var entries = SparseCodes.FromDense(codes.ToDense());
        return new CodeEntries(entries);
    }

    /// <summary>For groups of rows (the tokens of one picture), each feature's largest activation: [groups, F]. The caller disposes it.</summary>
    /// <exception cref="Core.ShapeException">The rows are no whole groups.</exception>
    public Tensor MaxPerGroup(int rowsPerGroup)
    {
        if (rowsPerGroup < 1 || Rows % rowsPerGroup != 0) throw new Core.ShapeException($"{Rows} rows are no whole number of groups of {rowsPerGroup}.");
        var highest = new float[checked(Rows / rowsPerGroup * Count)];
        for (var row = 0; row < Rows; row++)
            for (var entry = _starts[row]; entry < _starts[row + 1]; entry++)
            {
                ref var cell = ref highest[row / rowsPerGroup * Count + (int)_features[entry]];
                cell = Math.Max(cell, _values[entry]);
            }
        return tensor(highest, [Rows / rowsPerGroup, Count]);
    }

    /// <summary>Where a row's entries lie: from Start up to End.</summary>
    public (long Start, long End) Row(long row) => (_starts[row], _starts[row + 1]);

    /// <summary>The feature of an entry.</summary>
    public int Feature(long entry) => (int)_features[entry];

    /// <summary>The value of an entry.</summary>
    public float Value(long entry) => _values[entry];
}
