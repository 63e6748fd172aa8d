namespace Prisma.Sae;

/// <summary>Seeds derived from a seed.</summary>
internal static class Seeds
{
    /// <summary>A seed for one use of another. Neighbouring seeds and uses must not give related ones: the finaliser of SplitMix64.</summary>
    internal static ulong Mixed(long seed, long use)
    {
        var z = unchecked((ulong)seed * 0x9E3779B97F4A7C15UL + (ulong)use * 0xD1B54A32D192ED03UL + 0x632BE59BD9B4E019UL);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EBUL);
        return z ^ (z >> 31);
    }
}
