using System.Globalization;

namespace Prisma.Core;

/// <summary>Sizes of files and memory as people write them: decimal units (kB, MB, GB, TB), binary ones where an i says so.</summary>
public static class ByteSize
{
    private static readonly string[] s_units = ["B", "kB", "MB", "GB", "TB", "PB"];

    /// <summary>The size with three digits: <c>1.23 GB</c>.</summary>
    public static string Text(double bytes)
    {
        var unit = 0;
        while (Math.Abs(bytes) >= 999.5 && unit < s_units.Length - 1) (bytes, unit) = (bytes / 1000, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes.ToString(unit == 0 || bytes >= 99.95 ? "f0" : bytes >= 9.995 ? "f1" : "f2")} {s_units[unit]}");
    }

    /// <summary>Reads <c>500MB</c>, <c>10 GB</c>, <c>1.5GiB</c> or a plain number of bytes.</summary>
    /// <exception cref="OptionsException">It is none.</exception>
    public static long Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        var unit = text[digits..].Trim().ToUpperInvariant();
        var power = unit is "" ? 0 : Array.FindIndex(s_units, known => known.ToUpperInvariant() is var name && (unit == name || unit == name.Insert(1, "I") || unit == name[..1]));
        if (!double.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || power < 0)
            throw new OptionsException($"'{text}' is no size. Write a number of bytes, or one with kB, MB, GB or TB: 10GB.");
        var bytes = number * Math.Pow(unit.Contains('I') ? 1024 : 1000, power);
        return bytes < long.MaxValue ? (long)bytes : throw new OptionsException($"'{text}' is more than can be counted.");
    }
}
