using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Runs the model over the examples of chunk after chunk; the next examples are decoded meanwhile. Columns are float32 [rows, width].</summary>
internal sealed class ChunkReader : IDisposable
{
    private readonly ActivationReader _reader;
    private readonly Queue<IReadOnlyList<int[]>> _chunks;
    private readonly Ahead<InputBatch> _batches;
    private readonly CancellationToken _stop;

    /// <param name="reader">Makes rows of examples.</param>
    /// <param name="inputs">The examples.</param>
    /// <param name="chunks">The passes of each chunk.</param>
    /// <param name="stop">Ends the work.</param>
    internal ChunkReader(ActivationReader reader, IModelInputs inputs, IEnumerable<IReadOnlyList<int[]>> chunks, CancellationToken stop)
    {
        (_reader, _chunks, _stop) = (reader, new Queue<IReadOnlyList<int[]>>(chunks), stop);
        _batches = InputBatch.Read(inputs, [.. _chunks.SelectMany(passes => passes)], stop);
    }

    /// <summary>The rows of the next chunk; the caller disposes them.</summary>
    internal IReadOnlyDictionary<string, Tensor> Next()
    {
        var parts = _reader.Columns.ToDictionary(column => column.Name, _ => new List<Tensor>(), StringComparer.Ordinal);
        try
        {
            foreach (var _ in _chunks.Dequeue())
            {
                _stop.ThrowIfCancellationRequested();
                using var batch = _batches.Next()!;
                foreach (var (column, rows) in _reader.Read(batch)) parts[column].Add(rows);
            }
            return parts.ToDictionary(part => part.Key, part => cat(part.Value).DetachFromDisposeScope(), StringComparer.Ordinal);
        }
        finally
        {
            foreach (var tensor in parts.Values.SelectMany(part => part)) tensor.Dispose();
        }
    }

    public void Dispose() => _batches.Dispose();
}
