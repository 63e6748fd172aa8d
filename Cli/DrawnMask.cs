using System.Globalization;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>Reads where to act: <c>box:x,y,w,h</c>, <c>polygon:x,y x,y x,y</c> in pixels of the picture, or a picture file.</summary>
internal static class DrawnMask
{
    internal static RgbImage Read(string text, int width, int height)
    {
        if (text.StartsWith("box:", StringComparison.Ordinal))
        {
            var numbers = Numbers(text, text[4..], 4);
            if (numbers.Any(number => number != Math.Floor(number))) throw new OptionsException($"--mask {text}: a box has whole numbers.");
            return PictureMask.Box(width, height, (int)numbers[0], (int)numbers[1], (int)numbers[2], (int)numbers[3]);
        }
        if (text.StartsWith("polygon:", StringComparison.Ordinal))
            return PictureMask.Polygon(width, height, [.. text[8..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => Numbers(text, pair, 2)).Select(pair => (pair[0], pair[1]))]);
        return RgbImage.Load(text);
    }

    private static double[] Numbers(string whole, string text, int count)
    {
        var numbers = text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN).ToArray();
        return numbers.Length == count && numbers.All(double.IsFinite)
            ? numbers
            : throw new OptionsException($"--mask {whole}: '{text}' should be {count} numbers with commas. Masks look like box:x,y,width,height, polygon:x,y x,y x,y or a picture file.");
    }
}
