using Prisma.Core;

namespace Prisma.Sae;

/// <summary>How well a coder explains one group of tokens.</summary>
/// <param name="Tokens">The group: <c>all</c>, <c>cls</c>, <c>spatial</c>.</param>
/// <param name="Count">How many vectors were measured.</param>
/// <param name="Values">By the names of <see cref="MetricName"/>. NaN where a metric is not defined on these vectors, such as explained variance of constant ones.</param>
public sealed record MetricRow(string Tokens, long Count, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>One metric.</summary>
    /// <exception cref="OptionsException">There is none of that name.</exception>
    public double this[string name] => Values.TryGetValue(name, out var value)
        ? value
        : throw new OptionsException($"There is no metric '{name}'; there are {string.Join(", ", Values.Keys)}.");
}
