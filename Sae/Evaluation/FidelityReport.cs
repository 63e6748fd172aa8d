namespace Prisma.Sae;

/// <summary>A coder's fidelity on given activations, next to what its file says.</summary>
/// <param name="Rows">Per group of tokens; groups without tokens are left out.</param>
/// <param name="DeadFeatures">Features that were zero on every vector measured. On few vectors rare features count as dead too.</param>
/// <param name="Features">All features.</param>
/// <param name="Published">What the coder's file states, by its own names; empty where it states nothing.</param>
public sealed record FidelityReport(IReadOnlyList<FidelityRow> Rows, int DeadFeatures, int Features, IReadOnlyDictionary<string, double> Published)
{
    /// <summary>The row of a group.</summary>
    public FidelityRow this[string tokens] => Rows.FirstOrDefault(row => row.Tokens == tokens)
        ?? throw new Core.OptionsException($"No '{tokens}' tokens were measured; measured: {string.Join(", ", Rows.Select(row => row.Tokens))}.");
}
