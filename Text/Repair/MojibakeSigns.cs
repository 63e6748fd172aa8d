using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>
/// Tells whether text looks like mojibake: neighbours that people do not write but that appear when UTF-8 is read as a
/// single-byte encoding. The classes and the sequences are those that ftfy 6.3 (Robyn Speer, Apache-2.0) found by counting.
/// </summary>
internal static class MojibakeSigns
{
    // One letter per class; ranges with '-'. Only about 400 characters occur in mojibake at all.
    private static readonly Dictionary<char, string> Classes = new()
    {
        ['c'] = "\u0080-\u009F",                                                                     // C1 controls
        ['b'] = "¤¦¨ª¬¯¸º\u0192\u02C6\u02C7\u02D8\u02DB\u02DC\u2020\u2021\u2030\u2310\u25CA\uFFFD",  // bad: hardly used otherwise
        ['o'] = "\u00A0\u00AD´·\u2013-\u2015\u2019\u2026",                                           // ordinary in many contexts
        ['l'] = "§¶",                                                                                // law
        ['y'] = "¢£¥\u20A7\u20AC",                                                                   // currency
        ['<'] = "¡©«¿\u0384\u0385\u2018\u201A\u201C\u201E\u2022\u2039\uF8FF",                        // opens
        ['>'] = "®»\u02DD\u201D\u203A\u2122",                                                        // closes
        ['n'] = "±-³µ¹¼-¾×÷\u2044\u2116\u2202\u2206\u220F\u2211\u221A\u221E\u2229\u222B\u2248\u2260\u2261\u2264\u2265",
        ['k'] = "°Ò-ÖÙ-Üò-öø-üŌŐŪŲ",                                                                 // eyes and mouths of drawn faces
        ['U'] = "À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽ\u0490",
        ['L'] = "ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżž\u0491\uFB01\uFB02",
        ['G'] = "Þ\u0386\u0388-\u038A\u038C\u038E\u038F\u0391-\u03AB\u0401-\u042F",                  // Greek and Cyrillic capitals
        ['g'] = "\u03AC-\u03C9\u0430-\u045F",
        ['x'] = "\u2502\u250C\u2510\u2514\u2518\u251C\u2524\u252C\u2534\u253C\u2550-\u256C\u2580\u2584\u2588\u258C\u2590-\u2593",
        ['a'] = "a-z",
        ['A'] = "A-Za-z",
        ['_'] = " ",
    };

    // One sequence per line, its places parted by spaces. A place is any of the classes named, or after '=' any character given.
    // Beyond the classes: s white space, w letter or digit or '_', N anything but an ASCII letter, . anything but a line feed,
    // ^ the start of the text (takes no character).
    private static readonly Place[][] Sequences =
    [
        .. new[]
        {
            "c", "bLUx<>ynl b", "A gG b", "b LUx<>ynl", "Lgx>yn U", "x>yn L", "Lx> y", "s U y", "Ux nl", "LUxy> < n", "LUynxl > <",
            "ynx <", "a U <y", "x k", "LUyn<>l x", "x >", "LU <> w", "=Œœ N", "U =°",
            "=ÂÃÎÐ <>=\u20ACœŠš¢£Ÿž\u00A0\u00AD®°©·»\u2013\u2014´", "=× =²³",
            "=ØÙ oybn<=ŸŠ®°µ» =ØÙ oybn<=ŸŠ®°µ»",                                          // Arabic in Windows-1252
            "=à =²µ¹¼½¾",                                                                  // scripts of South Asia
            "=\u221A =±\u2202\u2020\u2260®\u2122´\u2264\u2265¥µø", "=\u2248 =°¢",          // MacRoman
            "=\u201A =Ä =ìîïòôúùû\u2020°¢\u03C0", "=\u201A =âó =àä°ê",
            "=\u0432 =\u0402", "=\u0412\u0413\u0420\u0421 cb<>y=°µ =\u0412\u0413\u0420\u0421",      // Windows-1251
            "=\u0413 =\u045E =\u0412 =\u0402 =\u0412 . A_",
            "=Ã =\u00A0¡", "a =ÃÂ _", "a s =ÃÂ _", "^ =ÃÂ _", "a>=.,?! =Â _<>",
            "=\u03B2 =\u20AC =\u2122\u00A0\u0386\u00AD®°", "=\u0392\u0393\u039E\u039F cb<>y=° =\u0392\u0393\u039E\u039F",   // Windows-1253
            "=ā =\u20AC",                                                                  // Windows-1257
        }.Select(line => line.Split(' ').Select(place => new Place(place)).ToArray()),
    ];

    // The characters that a sequence may begin with.
    private static readonly HashSet<char> Openings =
        [.. Sequences.Select(sequence => sequence.First(place => !place.IsStart)).SelectMany(place => place.Characters)];

    public static bool In(string text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (!Openings.Contains(text[at]) || Ascii.IsValid(text.AsSpan(at, Math.Min(3, text.Length - at)))) continue;
            foreach (var sequence in Sequences)
            {
                if (Matches(sequence, text, at)) return true;
            }
        }
        return false;
    }

    private static bool Matches(Place[] sequence, string text, int at)
    {
        foreach (var place in sequence)
        {
            if (place.IsStart)
            {
                if (at != 0) return false;
                continue;
            }
            if (at >= text.Length || !place.Takes(text, at)) return false;
            at++;
        }
        return true;
    }

    private sealed class Place
    {
        private const string Spaces = "\t\n\v\f\r\u001C\u001D\u001E\u001F \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";

        private readonly HashSet<char> _characters = [];
        private readonly bool _word, _noLetter, _noLineFeed;

        public Place(string notation)
        {
            var equals = notation.IndexOf('=');
            if (equals >= 0) _characters.UnionWith(notation[(equals + 1)..]);
            foreach (var name in equals < 0 ? notation : notation[..equals])
            {
                if (Classes.TryGetValue(name, out var members)) Add(members);
                else if (name == 's') Add(Spaces);
                else if (name == 'w') _word = true;
                else if (name == 'N') _noLetter = true;
                else if (name == '.') _noLineFeed = true;
                else IsStart = name == '^' ? true : throw new InvalidOperationException($"No class '{name}'.");
            }
        }

        public bool IsStart { get; }

        /// <summary>What it takes by name; more where it takes all but a few or every letter, which no sequence begins with.</summary>
        public IEnumerable<char> Characters => _characters;

        public bool Takes(string text, int at)
        {
            var c = text[at];
            return _characters.Contains(c)
                || (_noLetter && !char.IsAsciiLetter(c))
                || (_noLineFeed && c != '\n')
                || (_word && IsWord(text, at));
        }

        private static bool IsWord(string text, int at)
        {
            _ = Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _);
            return rune.Value == '_' || Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune)
                is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
        }

        private void Add(string members)
        {
            for (var i = 0; i < members.Length; i++)
            {
                var last = i + 2 < members.Length && members[i + 1] == '-' ? members[i + 2] : members[i];
                for (var c = members[i]; c <= last; c++) _characters.Add(c);
                if (last != members[i]) i += 2;
            }
        }
    }
}
