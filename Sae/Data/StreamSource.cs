using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Activations made while they are used: the next chunk is computed in another thread. Each round takes the examples in a new order and cuts
/// them into chunks. The rows of chunk c are split at random into halves A and B; what is delivered, shuffled, is A₀, then B₀ with A₁, B₁ with
/// A₂ … and at last the last B. So every row comes once a round, neighbouring chunks are mixed, and any point is reached by computing two chunks.
/// Borrows model and inputs.
/// </summary>
public sealed class StreamSource : IActivationSource, IRowPieces
{
    private const long HalvesUse = 0, GroupUse = 1;

    private readonly ActivationReader _reader;
    private readonly IModelInputs _inputs;
    private readonly StreamOptions _options;
    private readonly int _examplesPerChunk;

    /// <summary>Runs the first examples to learn what the rows are.</summary>
    /// <exception cref="PrismaException">Options or places do not work.</exception>
    public StreamSource(HookedModel model, IModelInputs inputs, StreamOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (_inputs, _options) = (inputs, options);
        _reader = new ActivationReader(model, inputs, options.Sites, options.Tokens, ScalarType.Float32);
        var passes = Math.Max(1, options.ChunkRows / _reader.RowsPerExample / options.Batch);
        _examplesPerChunk = (int)Math.Min(inputs.Count, (long)passes * options.Batch);
        Fingerprint = $"{model.Card.Name} {WeightDigest.Of(model)} on {inputs.Fingerprint}, {options.Tokens} tokens of {string.Join(", ", Columns.Select(column => column.Name))}, "
            + $"chunks of {_examplesPerChunk} examples in passes of {options.Batch}, shuffled by {options.Seed}";
    }

    /// <inheritdoc cref="IActivationSource.Columns"/>
    public IReadOnlyList<SourceColumn> Columns => _reader.Columns;

    /// <inheritdoc/>
    public long? RowsPerRound => Rows;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    long IRowPieces.Rows => Rows;

    private long Rows => (long)_inputs.Count * _reader.RowsPerExample;

    private int Chunks => (_inputs.Count + _examplesPerChunk - 1) / _examplesPerChunk;

    /// <inheritdoc/>
    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop) => RowBatches.Open(this, batchRows, from, stop);

    IEnumerable<RowPiece> IRowPieces.From(long round, long row, long limit, CancellationToken stop)
    {
        for (; ; round++, row = 0)
        {
            var first = Enumerable.Range(0, Chunks + 1).Last(group => StartOf(group) <= row);
            using var chunks = new ChunkReader(_reader, _inputs, Examples(round, Math.Max(0, first - 1)), stop);
            // Held between groups: the second half of the chunk before.
            IReadOnlyDictionary<string, Tensor>? kept = null;
            try
            {
                if (first > 0) kept = Part(chunks.Next(), round, first - 1, second: true);
                for (var group = first; group <= Chunks && StartOf(group) < limit; group++)
                {
                    var (piece, rest) = Group(group < Chunks ? chunks.Next() : null, kept, round, group);
                    kept = rest;
                    yield return piece;
                }
            }
            finally
            {
                Free(kept);
            }
        }
    }

    // The examples of chunk after chunk of a round, pass by pass.
    private IEnumerable<IReadOnlyList<int[]>> Examples(long round, int firstChunk)
    {
        var order = Shuffle.Of(_inputs.Count, _options.Seed, round);
        for (var chunk = firstChunk; chunk < Chunks; chunk++)
            yield return [.. order.Skip(chunk * _examplesPerChunk).Take(_examplesPerChunk).Chunk(_options.Batch)];
    }

    private long RowsBefore(int chunk) => Math.Min(Rows, (long)chunk * _examplesPerChunk * _reader.RowsPerExample);

    private long FirstHalf(int chunk) => chunk < Chunks ? (RowsBefore(chunk + 1) - RowsBefore(chunk)) / 2 : 0;

    // Group g follows all chunks before g − 1 and the first half of chunk g − 1.
    private long StartOf(int group) => group == 0 ? 0 : RowsBefore(group - 1) + FirstHalf(group - 1);

    // Consumes the chunk and the rest of the one before.
    private (RowPiece Piece, IReadOnlyDictionary<string, Tensor>? Kept) Group(
        IReadOnlyDictionary<string, Tensor>? chunk, IReadOnlyDictionary<string, Tensor>? kept, long round, int group)
    {
        using var scope = NewDisposeScope();
        var columns = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var order = chunk is null ? [] : Half(round, group, second: false);
        foreach (var column in Columns)
        {
            var parts = new List<Tensor>();
            if (kept is not null) parts.Add(kept[column.Name]);
            if (chunk is not null) parts.Add(chunk[column.Name].index_select(0, tensor(order)));
            columns.Add(column.Name, parts.Count == 1 ? parts[0].alias() : cat(parts));
        }
        var rest = chunk is null ? null : Part(chunk, round, group, second: true);
        Free(kept);
        return (new RowPiece(columns, Shuffle.Rows(columns.Values.First().shape[0], _options.Seed, round, group, GroupUse), round, StartOf(group)), rest);
    }

    // One half of a chunk, which is consumed.
    private Dictionary<string, Tensor> Part(IReadOnlyDictionary<string, Tensor> chunk, long round, int number, bool second)
    {
        using var scope = NewDisposeScope();
        var rows = tensor(Half(round, number, second));
        var part = chunk.ToDictionary(column => column.Key, column => column.Value.index_select(0, rows).DetachFromDisposeScope(), StringComparer.Ordinal);
        Free(chunk);
        return part;
    }

    private long[] Half(long round, int chunk, bool second)
    {
        var rows = Shuffle.Rows(RowsBefore(chunk + 1) - RowsBefore(chunk), _options.Seed, round, chunk, HalvesUse);
        return second ? rows[(int)FirstHalf(chunk)..] : rows[..(int)FirstHalf(chunk)];
    }

    private static void Free(IReadOnlyDictionary<string, Tensor>? columns)
    {
        foreach (var tensor in columns?.Values ?? []) tensor.Dispose();
    }
}
