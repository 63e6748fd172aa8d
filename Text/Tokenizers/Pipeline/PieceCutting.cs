namespace Prisma.Text;

/// <summary>What becomes of the delimiters that a text is cut at.</summary>
internal enum PieceCut
{
    /// <summary>They go.</summary>
    Removed,
    /// <summary>Each is a piece.</summary>
    Isolated,
    /// <summary>Each ends the piece before it.</summary>
    MergedWithPrevious,
    /// <summary>Each begins the piece after it.</summary>
    MergedWithNext,
    /// <summary>Neighbours are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts pieces at delimiters.</summary>
internal static class PieceCutting
{
    public static PieceCut Parse(string name, JsonStep json) =>
        Enum.TryParse<PieceCut>(name, out var cut) ? cut : throw json.Fault($"the behavior '{name}' is none of {string.Join(", ", Enum.GetNames<PieceCut>())}");

    /// <summary>The pieces between and, where kept, of the delimiters; empty ones are left out.</summary>
    /// <param name="piece">What is cut.</param>
    /// <param name="found">The delimiters, in order.</param>
    /// <param name="behavior">What becomes of them.</param>
    /// <param name="inverted">What was found are the pieces, what lies between are delimiters.</param>
    public static List<TextPiece> Cut(TextPiece piece, List<(int Start, int Length)> found, PieceCut behavior, bool inverted)
    {
        var spans = new List<(int Start, int End, bool IsDelimiter)>();
        var at = 0;
        foreach (var (start, length) in found)
        {
            if (start > at) spans.Add((at, start, inverted));
            spans.Add((start, start + length, !inverted));
            at = start + length;
        }
        if (at < piece.Text.Length) spans.Add((at, piece.Text.Length, inverted));
        var kept = new List<(int Start, int End)>();
        var wasDelimiter = false;
        for (var k = 0; k < spans.Count; k++)
        {
            var (start, end, isDelimiter) = spans[k];
            var joins = behavior switch
            {
                PieceCut.MergedWithPrevious => isDelimiter && !wasDelimiter,
                PieceCut.MergedWithNext => wasDelimiter && !isDelimiter,
                PieceCut.Contiguous => isDelimiter == wasDelimiter,
                _ => false,
            };
            if (!(isDelimiter && behavior == PieceCut.Removed))
            {
                if (joins && kept.Count > 0) kept[^1] = (kept[^1].Start, end);
                else kept.Add((start, end));
            }
            wasDelimiter = isDelimiter;
        }
        return [.. kept.Select(span => new TextPiece(piece.Text[span.Start..span.End], piece.IsFirst && span.Start == 0))];
    }
}
