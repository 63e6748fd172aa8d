namespace Prisma.Core;

/// <summary>The 8-bit floats, all 256 values of each written out; libtorch before 2.1 does not know them.</summary>
internal static class Float8
{
    /// <summary>4 exponent bits, bias 7, no infinities; NaN where all bits but the sign are set.</summary>
    public static readonly float[] E4M3 = Table(exponentBits: 4, bias: 7, code => (code & 0x7F) == 0x7F ? float.NaN : null);

    /// <summary>5 exponent bits, bias 15, infinities and NaN as in IEEE formats.</summary>
    public static readonly float[] E5M2 = Table(exponentBits: 5, bias: 15, code => (code & 0x7F) switch
    {
        0x7C => (code & 0x80) != 0 ? float.NegativeInfinity : float.PositiveInfinity,
        > 0x7C => float.NaN,
        _ => null,
    });

    /// <summary>Powers of two from 2^-127 to 2^127; 255 is NaN.</summary>
    public static readonly float[] E8M0 =
        [.. Enumerable.Range(0, 256).Select(code => code == 255 ? float.NaN : (float)Math.ScaleB(1.0, code - 127))];

    private static float[] Table(int exponentBits, int bias, Func<int, float?> special)
    {
        var mantissaBits = 7 - exponentBits;
        var table = new float[256];
        for (var code = 0; code < 256; code++)
        {
            var exponent = (code & 0x7F) >> mantissaBits;
            var fraction = (code & ((1 << mantissaBits) - 1)) / (double)(1 << mantissaBits);
            var size = exponent == 0 ? Math.ScaleB(fraction, 1 - bias) : Math.ScaleB(1 + fraction, exponent - bias);
            table[code] = special(code) ?? (float)(code >= 0x80 ? -size : size);
        }

        return table;
    }
}
