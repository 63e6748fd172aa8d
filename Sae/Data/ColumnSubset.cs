using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Some columns of a source, for one of several jobs that share it. Borrows the source. Shards read only what they are asked for: see <see cref="ShardOptions.Columns"/>.</summary>
public sealed class ColumnSubset : IActivationSource
{
    private readonly IActivationSource _source;

    /// <summary>Chooses columns by name.</summary>
    /// <exception cref="OptionsException">The source does not have one, or none is named.</exception>
    public ColumnSubset(IActivationSource source, params IEnumerable<string> columns)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        Columns = [.. columns.Distinct(StringComparer.Ordinal).Select(name => source.Columns.FirstOrDefault(column => column.Name == name)
            ?? throw new OptionsException($"The data has no '{name}'; it has {string.Join(", ", source.Columns.Select(column => column.Name))}."))];
        if (Columns.Count == 0) throw new OptionsException("Name at least one column.");
    }

    /// <inheritdoc/>
    public IReadOnlyList<SourceColumn> Columns { get; }

    /// <inheritdoc/>
    public long? RowsPerRound => _source.RowsPerRound;

    /// <inheritdoc/>
    public string Fingerprint => $"{_source.Fingerprint}, only {string.Join(", ", Columns.Select(column => column.Name))}";

    /// <inheritdoc/>
    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop) => _source.Open(batchRows, from, stop).Select(Narrowed);

    private ActivationBatch Narrowed(ActivationBatch whole)
    {
        using (whole) return new ActivationBatch(Columns.ToDictionary(column => column.Name, column => whole[column.Name].alias(), StringComparer.Ordinal), whole.After);
    }
}
