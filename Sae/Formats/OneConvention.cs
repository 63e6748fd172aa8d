using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Options that apply to some coders only are refused for the others, not ignored.</summary>
internal static class OneConvention
{
    /// <summary>Hands the coder back, or disposes it and says which option does not apply.</summary>
    internal static Coder Check(Coder coder, CoderOptions options, bool selects)
    {
        var fault = options.Convention is { } convention ? $"has one convention only: --convention {convention} does not apply"
            : options.Select is { } select && !selects ? $"selects row by row: --select {select.ToString().ToLowerInvariant()} does not apply"
            : null;
        if (fault is null) return coder;
        var name = coder.Card.Name;
        coder.Dispose();
        throw new OptionsException($"{name} {fault}.");
    }
}
