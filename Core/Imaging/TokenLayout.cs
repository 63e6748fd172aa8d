namespace Prisma.Core;

/// <summary>How a model's tokens lie on what it sees.</summary>
/// <param name="Prefix">Tokens before the grid that belong to no place: class token, registers.</param>
/// <param name="Frames">Time steps of the grid; 1 for pictures.</param>
/// <param name="Rows">Tokens from top to bottom.</param>
/// <param name="Columns">Tokens from left to right.</param>
/// <param name="PatchHeight">Rows of the model's pixels under one token.</param>
/// <param name="PatchWidth">Columns of the model's pixels under one token.</param>
/// <param name="Tubelet">Video frames under one time step; 1 for pictures.</param>
/// <param name="Order">How the grid is laid out in the token axis.</param>
public sealed record TokenLayout(
    int Prefix, int Frames, int Rows, int Columns, int PatchHeight, int PatchWidth, int Tubelet = 1, TokenOrder Order = TokenOrder.TimeMajor)
{
    /// <summary>Tokens that have a place.</summary>
    public int GridTokens => Frames * Rows * Columns;

    /// <summary>All tokens.</summary>
    public int Tokens => Prefix + GridTokens;

    /// <summary>A picture of rows x columns square patches behind some tokens without a place.</summary>
    public static TokenLayout Picture(int prefix, int rows, int columns, int patch) => new(prefix, 1, rows, columns, patch, patch);

    /// <summary>The token at a place.</summary>
    public int TokenAt(int frame, int row, int column)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)frame, (uint)Frames, nameof(frame));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)Columns, nameof(column));
        return Prefix + (Order == TokenOrder.TimeMajor ? (frame * Rows + row) * Columns + column : (row * Columns + column) * Frames + frame);
    }

    /// <summary>The place of a token; null for one of the prefix.</summary>
    public (int Frame, int Row, int Column)? PlaceOf(int token)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)Tokens, nameof(token));
        var at = token - Prefix;
        if (at < 0) return null;
        return Order == TokenOrder.TimeMajor
            ? (at / (Rows * Columns), at / Columns % Rows, at % Columns)
            : (at % Frames, at / Frames / Columns, at / Frames % Columns);
    }
}
