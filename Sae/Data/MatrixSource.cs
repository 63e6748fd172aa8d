using System.Security.Cryptography;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Matrices in memory as a source: in their own order, or in a new order each round that the seed decides. What is left of a round too short for
/// a batch is skipped.
/// </summary>
public sealed class MatrixSource : IActivationSource, IRowPieces, IDisposable
{
    private const long DigestRows = 4096;

    private readonly IReadOnlyDictionary<string, Tensor> _columns;
    private readonly long _rows;
    private readonly long? _seed;

    /// <summary>Takes over float matrices [rows, width] with equally many rows.</summary>
    /// <param name="columns">By their names.</param>
    /// <param name="seed">The order of the rows; null keeps them as they stand.</param>
    /// <exception cref="ShapeException">They are no such matrices.</exception>
    /// <exception cref="OptionsException">A number is NaN or infinite, or there are no rows.</exception>
    public MatrixSource(IReadOnlyDictionary<string, Tensor> columns, long? seed)
    {
        ArgumentNullException.ThrowIfNull(columns);
        if (columns.Count == 0) throw new OptionsException("A source needs at least one matrix.");
        _rows = columns.Values.First().shape[0];
        foreach (var (name, matrix) in columns) Check(name, matrix);
        using var frozen = no_grad();
        _columns = columns.ToDictionary(column => column.Key, column => Own(column.Value), StringComparer.Ordinal);
        _seed = seed;
        Columns = [.. _columns.Select(column => new SourceColumn(column.Key, checked((int)column.Value.shape[1])))];
        Fingerprint = $"matrices {Digest()} {(seed is { } given ? $"shuffled by {given}" : "in order")}";
    }

    /// <inheritdoc/>
    public IReadOnlyList<SourceColumn> Columns { get; }

    /// <inheritdoc/>
    public long? RowsPerRound => _rows;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    long IRowPieces.Rows => _rows;

    /// <inheritdoc/>
    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop) => RowBatches.Open(this, batchRows, from, stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var matrix in _columns.Values) matrix.Dispose();
    }

    // A round is one stretch over the matrices themselves.
    IEnumerable<RowPiece> IRowPieces.From(long round, long row, long limit, CancellationToken stop)
    {
        for (; ; round++)
        {
            stop.ThrowIfCancellationRequested();
            yield return Round(round);
        }
    }

    private RowPiece Round(long round)
    {
        using var scope = NewDisposeScope();
        return new RowPiece(_columns.ToDictionary(column => column.Key, column => column.Value.alias(), StringComparer.Ordinal), Order(round), round, 0);
    }

    private long[] Order(long round)
    {
        if (_seed is not { } seed) return Shuffle.Rows(_rows, null);
        using var generator = new Generator(Seeds.Mixed(seed, round));
        using var order = randperm(_rows, generator: generator);
        return order.data<long>().ToArray();
    }

    private void Check(string name, Tensor matrix)
    {
        if (matrix.ndim != 2 || matrix.shape[0] != _rows || !matrix.is_floating_point())
            throw new ShapeException($"'{name}' must be a float matrix with {_rows} rows; it is {matrix}.");
        if (_rows == 0) throw new OptionsException($"'{name}' has no rows: there is nothing to learn from.");
        using var scope = NewDisposeScope();
        var finite = matrix.isfinite().all(1);
        if (!finite.all().item<bool>())
            throw new OptionsException($"'{name}' holds NaN or infinite numbers, first in row {finite.@long().argmin().item<long>()}.");
    }

    private static Tensor Own(Tensor matrix)
    {
        using var scope = NewDisposeScope();
        var own = matrix.detach().to(ScalarType.Float32).contiguous();
        if (!ReferenceEquals(own, matrix)) matrix.Dispose();
        return own.DetachFromDisposeScope();
    }

    private string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, matrix) in _columns.OrderBy(column => column.Key, StringComparer.Ordinal))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(name));
            for (long start = 0; start < matrix.shape[0]; start += DigestRows)
            {
                using var piece = matrix.narrow(0, start, Math.Min(DigestRows, matrix.shape[0] - start));
                hash.AppendData(piece.bytes);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
