using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Options that apply to some coders only are refused for the others, not ignored.</summary>
internal static class OneConvention
{
    /// <summary>Refuses a convention that the format does not have.</summary>
    internal static void Check(string file, CoderOptions options, IReadOnlyList<string> known)
    {
        if (options.Convention is not { } convention || known.Contains(convention)) return;
        throw new OptionsException(known.Count == 0
            ? $"'{file}' has one convention only: --convention {convention} does not apply."
            : $"'{file}' has no convention '{convention}'. Beside its default it has: {string.Join(", ", known)}.");
    }

    /// <summary>Hands the coder back, or disposes it and says that its selection cannot be chosen.</summary>
    internal static ICoder Check(ICoder coder, CoderOptions options)
    {
        if (options.Select is not { } select || coder is BatchTopKCoder or DecoupledCrosscoder { SelectsBatchwise: true }) return coder;
        var name = coder.Card.Name;
        coder.Dispose();
        throw new OptionsException($"{name} selects row by row: --select {select.ToString().ToLowerInvariant()} does not apply.");
    }
}
