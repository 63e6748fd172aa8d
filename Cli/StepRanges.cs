using System.Globalization;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>Reads steps such as <c>0,2-3</c>.</summary>
internal static class StepRanges
{
    internal static IReadOnlySet<int> Read(string text)
    {
        var steps = new HashSet<int>();
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last) || last < first || last > 10_000)
                throw new OptionsException($"'{text}' names no steps. They look like 0,2-3, counted from 0.");
            steps.UnionWith(Enumerable.Range(first, last - first + 1));
        }
        return steps;
    }
}
