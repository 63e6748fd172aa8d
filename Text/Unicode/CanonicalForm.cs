using System.Text;

namespace Prisma.Text;

/// <summary>
/// Unicode's normal forms (NFC, NFD, NFKC, NFKD: Unicode Standard Annex 15) from the tables in Data/canonical-forms.txt and
/// Data/compatibility-forms.txt.
/// It stands here because .NET leaves non-ASCII text as it is when InvariantGlobalization is on.
/// </summary>
internal static class CanonicalForm
{
    private const int FirstComposing = 0x300;
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int Leads = 19, Vowels = 21, Trails = 28;

    private static readonly Lazy<Tables> Data = new(() => Tables.Read("canonical-forms.txt"));
    private static readonly Lazy<Tables> CompatibleData = new(() => Tables.Read("canonical-forms.txt", "compatibility-forms.txt"));

    /// <summary>The NFC form; lone surrogates become U+FFFD.</summary>
    public static string Compose(string text) =>
        text.AsSpan().IndexOfAnyInRange((char)FirstComposing, char.MaxValue) < 0 ? text : Of(text, isComposed: true, Data.Value);

    /// <summary>The NFD form.</summary>
    public static string Decompose(string text) => Of(text, isComposed: false, Data.Value);

    /// <summary>The NFKC form.</summary>
    public static string ComposeCompatible(string text) => Of(text, isComposed: true, CompatibleData.Value);

    /// <summary>The NFKD form.</summary>
    public static string DecomposeCompatible(string text) => Of(text, isComposed: false, CompatibleData.Value);

    private static string Of(string text, bool isComposed, Tables tables)
    {
        if (Ascii.IsValid(text)) return text;
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, points, tables);
        SortMarks(points, tables);
        if (isComposed) points = Join(points, tables);
        var shown = new StringBuilder(points.Count);
        foreach (var point in points) shown.Append(new Rune(point).ToString());
        return shown.ToString();
    }

    private static void Decompose(int point, List<int> into, Tables tables)
    {
        if (point is >= HangulBase and < HangulBase + Leads * Vowels * Trails)
        {
            var syllable = point - HangulBase;
            into.Add(LeadBase + syllable / (Vowels * Trails));
            into.Add(VowelBase + syllable / Trails % Vowels);
            if (syllable % Trails != 0) into.Add(TrailBase + syllable % Trails);
        }
        else if (point >= 0xA0 && tables.Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts) Decompose(part, into, tables);
        }
        else
        {
            into.Add(point);
        }
    }

    private static void SortMarks(List<int> points, Tables tables)
    {
        for (var start = 0; start < points.Count; start++)
        {
            if (tables.Class(points[start]) == 0) continue;
            var end = start + 1;
            while (end < points.Count && tables.Class(points[end]) != 0) end++;
            if (end - start > 1)
            {
                var sorted = points[start..end].OrderBy(tables.Class).ToArray();       // stable
                for (var i = 0; i < sorted.Length; i++) points[start + i] = sorted[i];
            }
            start = end;
        }
    }

    private static List<int> Join(List<int> points, Tables tables)
    {
        var kept = new List<int>(points.Count);
        int starter = -1, lastClass = 0;
        foreach (var point in points)
        {
            var here = tables.Class(point);
            var blocked = starter >= 0 && starter < kept.Count - 1 && lastClass >= here;
            if (starter >= 0 && !blocked && Pair(kept[starter], point, tables) is { } whole)
            {
                kept[starter] = whole;
                continue;
            }
            if (here == 0) starter = kept.Count;
            lastClass = here;
            kept.Add(point);
        }
        return kept;
    }

    private static int? Pair(int first, int second, Tables tables)
    {
        if (first is >= LeadBase and < LeadBase + Leads && second is >= VowelBase and < VowelBase + Vowels)
            return HangulBase + ((first - LeadBase) * Vowels + (second - VowelBase)) * Trails;
        if (second is > TrailBase and < TrailBase + Trails && first is >= HangulBase and < HangulBase + Leads * Vowels * Trails
            && (first - HangulBase) % Trails == 0)
            return first + (second - TrailBase);
        return tables.Compositions.TryGetValue((first, second), out var whole) ? whole : null;
    }

    private sealed record Tables(Dictionary<int, byte> Classes, Dictionary<int, int[]> Decompositions, Dictionary<(int, int), int> Compositions)
    {
        public byte Class(int point) => point < FirstComposing ? (byte)0 : Classes.GetValueOrDefault(point);

        public static Tables Read(params string[] files)
        {
            var tables = new Tables([], [], []);
            foreach (var record in files.SelectMany(TextData.Records))
            {
                var point = TextData.Hex(record[1]);
                if (record[0] == "c")
                {
                    for (var last = TextData.Hex(record[2]); point <= last; point++) tables.Classes[point] = byte.Parse(record[3]);
                    continue;
                }
                int[] parts = [.. record[2..].Select(TextData.Hex)];
                tables.Decompositions[point] = parts;
                if (record[0] == "m") tables.Compositions[(parts[0], parts[1])] = point;
            }
            return tables;
        }
    }
}
