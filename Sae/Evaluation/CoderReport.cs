using Prisma.Core;

namespace Prisma.Sae;

/// <summary>What was measured of a coder on given activations.</summary>
/// <param name="Card">The coder.</param>
/// <param name="Rows">Per group of tokens; groups without tokens are left out.</param>
/// <param name="Usage">How often features fire, over all vectors.</param>
public sealed record CoderReport(CoderCard Card, IReadOnlyList<MetricRow> Rows, UsageReport Usage)
{
    /// <summary>The row of a group.</summary>
    /// <exception cref="OptionsException">The group was not measured.</exception>
    public MetricRow this[string tokens] => Rows.FirstOrDefault(row => row.Tokens == tokens)
        ?? throw new OptionsException($"No '{tokens}' tokens were measured; measured: {string.Join(", ", Rows.Select(row => row.Tokens))}.");
}
