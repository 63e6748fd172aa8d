namespace Prisma.Core;

/// <summary>Finds what the user may have meant: the names with the smallest edit distance.</summary>
public static class NearestNames
{
    /// <summary>Up to <paramref name="count"/> names, nearest first; of equal ones, the earlier.</summary>
    public static IReadOnlyList<string> Of(string wanted, IEnumerable<string> names, int count = 3) =>
        [.. names.Select(name => (Name: name, Distance: Distance(wanted, name))).OrderBy(pair => pair.Distance).Take(count).Select(pair => pair.Name)];

    // Levenshtein over the first 200 characters: two rows of the table suffice.
    private static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        const int Longest = 200;
        if (a.Length > Longest) a = a[..Longest];
        if (b.Length > Longest) b = b[..Longest];
        Span<int> above = stackalloc int[Longest + 1];
        Span<int> row = stackalloc int[Longest + 1];
        for (var j = 0; j <= b.Length; j++) above[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(above[j], row[j - 1]) + 1);
            }

            var swap = above;
            above = row;
            row = swap;
        }

        return above[b.Length];
    }
}
