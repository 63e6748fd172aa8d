using System.Globalization;

namespace Prisma.Text;

/// <summary>The tokens &lt;0x00&gt; to &lt;0xFF&gt;, which stand for bytes that no other token covers.</summary>
internal static class ByteTokens
{
    /// <summary>Ids of all 256; null where one is missing, as then none is used.</summary>
    public static int[]? Find(IReadOnlyDictionary<string, int> ids)
    {
        var found = new int[256];
        for (var value = 0; value < 256; value++)
        {
            if (!ids.TryGetValue($"<0x{value:X2}>", out found[value])) return null;
        }
        return found;
    }

    /// <summary>The byte that a token stands for.</summary>
    public static byte? Read(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;
}
