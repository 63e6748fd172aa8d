namespace Prisma.Sae;

/// <summary>Data whose rows come in stretches that can be made in another thread, from any point on.</summary>
internal interface IRowPieces
{
    /// <summary>What every row has.</summary>
    IReadOnlyList<SourceColumn> Columns { get; }

    /// <summary>Rows in one round.</summary>
    long Rows { get; }

    /// <summary>The stretches one after another, round after round, from the one that holds a row on.</summary>
    /// <param name="round">The round to begin in.</param>
    /// <param name="row">A row of that round.</param>
    /// <param name="limit">Rows of a round that are asked for; what begins behind them is not made.</param>
    /// <param name="stop">Ends it.</param>
    IEnumerable<RowPiece> From(long round, long row, long limit, CancellationToken stop);
}
