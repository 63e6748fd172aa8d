using System.Text.RegularExpressions;

namespace Prisma.Core;

/// <summary>Shell-like patterns over site names: <c>*</c> stands for anything (dots too), <c>?</c> for one character.</summary>
public static class Glob
{
    /// <summary>Whether the whole of <paramref name="text"/> fits the pattern.</summary>
    public static bool Matches(string pattern, string text) =>
        Regex.IsMatch(text, "^" + Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal) + "$",
            RegexOptions.CultureInvariant | RegexOptions.Singleline);
}
