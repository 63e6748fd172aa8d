using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Short names of tokens for tables: their row and column on the picture, or their number.</summary>
internal static class TokenNames
{
    internal static string Of(TokenLayout? layout, int token)
    {
        if (layout is null || token >= layout.Tokens) return $"{token}";
        return layout.PlaceOf(token) switch
        {
            null => layout.Prefix == 1 ? "cls" : $"p{token}",
            var (frame, row, column) => layout.Frames > 1 ? $"{frame}:{row},{column}" : $"{row},{column}",
        };
    }
}
