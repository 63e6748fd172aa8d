namespace Prisma.Text;

/// <summary>Reads the tables embedded in this assembly: one record per line, fields parted by spaces, '#' starts a remark.</summary>
internal static class TextData
{
    public static IEnumerable<string[]> Records(string name)
    {
        using var stream = typeof(TextData).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The table '{name}' is not embedded in Prisma.Text.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#') yield return line.Split(' ');
        }
    }

    public static int Hex(string digits) => Convert.ToInt32(digits, 16);
}
