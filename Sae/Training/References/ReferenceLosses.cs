using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Another library's losses from ours. An expression is a term's name, after <c>weighted</c> with its weight; <c>sum</c>, <c>min</c> or <c>max</c> of
/// <c>prefixes</c> runs over all nested dictionaries; <c>*</c> stands for the same text on both sides.
/// </summary>
internal static class ReferenceLosses
{
    internal static IEnumerable<(string Name, double Value)> Of(ReferenceNames names, StepReport report)
    {
        foreach (var (theirs, expression) in names.Losses)
        {
            if (!theirs.EndsWith('*'))
            {
                yield return (theirs, Value(expression, report));
                continue;
            }
            var stem = expression.TrimEnd('*');
            foreach (var term in report.Losses.Keys.Where(term => term.StartsWith(stem, StringComparison.Ordinal)))
                yield return (theirs.TrimEnd('*') + term[stem.Length..], report.Losses[term].Value);
        }
        yield return ("total", report.Total);
    }

    private static double Value(string expression, StepReport report)
    {
        var words = expression.Split(' ');
        var weighted = words.Contains("weighted");
        var terms = report.Losses
            .Where(term => words[^1] == "prefixes" ? term.Key == "reconstruction" || term.Key.StartsWith("prefix_", StringComparison.Ordinal) : term.Key == words[^1])
            .Select(term => weighted ? term.Value.Value * term.Value.Weight : term.Value.Value)
            .DefaultIfEmpty(0);
        return words[0] switch
        {
            "min" => terms.Min(),
            "max" => terms.Max(),
            "sum" => terms.Sum(),
            _ when words.Length == (weighted ? 2 : 1) => terms.Single(),
            _ => throw new OptionsException($"'{expression}' is no expression of losses."),
        };
    }
}
