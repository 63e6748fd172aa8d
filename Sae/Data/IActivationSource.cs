namespace Prisma.Sae;

/// <summary>
/// Delivers activations batch by batch, in an order that depends on nothing but the source's own settings: opening it at a cursor gives exactly
/// the batches that a run from the start would have given from there.
/// </summary>
public interface IActivationSource
{
    /// <summary>What every batch carries.</summary>
    IReadOnlyList<SourceColumn> Columns { get; }

    /// <summary>Rows in one round through the data; null where the data has no end.</summary>
    long? RowsPerRound { get; }

    /// <summary>Whether batches consist of whole examples with which the model can be run on (<see cref="ActivationBatch.Onward"/>).</summary>
    bool RunsOn => false;

    /// <summary>Names data, order and settings; a run is resumed only on the same.</summary>
    string Fingerprint { get; }

    /// <summary>
    /// Batches of exactly <paramref name="batchRows"/> rows, round after round without an end. The caller disposes each. No dispose scope is
    /// open between batches.
    /// </summary>
    /// <param name="batchRows">Rows per batch.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="stop">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Core.PrismaException">The data cannot be read, or has fewer rows than one batch.</exception>
    IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop);
}
