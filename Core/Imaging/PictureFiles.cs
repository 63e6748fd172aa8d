namespace Prisma.Core;

/// <summary>Finds picture files: single ones, all of a folder, or those that a pattern names.</summary>
public static class PictureFiles
{
    /// <summary>How the names of picture files end, in small letters.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"];

    private static readonly EnumerationOptions s_downwards = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Hidden };

    /// <summary>
    /// The files behind the names, folders and patterns (<c>*</c> and <c>?</c> in the last part), in the order given, sorted within each. A folder that
    /// holds no pictures itself is searched downwards, as is one with <c>/**</c> behind it.
    /// </summary>
    /// <exception cref="PrismaException">A name leads to nothing.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> named) => [.. named.SelectMany(Expand)];

    /// <summary>Whether a file's ending is a picture's.</summary>
    internal static bool IsPicture(string file) => Endings.Contains(Path.GetExtension(file).ToLowerInvariant());

    private static IEnumerable<string> Expand(string name)
    {
        if (File.Exists(name)) return [name];
        if (Directory.Exists(name))
        {
            var inside = Sorted(Directory.EnumerateFiles(name));
            if (inside.Count == 0) inside = Sorted(Directory.EnumerateFiles(name, "*", s_downwards));
            return inside.Count > 0 ? inside : throw new PrismaException($"The folder '{name}' has no pictures ({string.Join(", ", Endings)}).");
        }
        var (folder, pattern) = (Path.GetDirectoryName(name) is { Length: > 0 } above ? above : ".", Path.GetFileName(name));
        var found = !Directory.Exists(folder) ? []
            : pattern == "**" ? Sorted(Directory.EnumerateFiles(folder, "*", s_downwards))
            : pattern.AsSpan().ContainsAny('*', '?') ? Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).ToList()
            : [];
        return found.Count > 0 ? found : throw new PrismaException($"There is no file or folder '{name}', and as a pattern it fits none.");
    }

    private static List<string> Sorted(IEnumerable<string> files) => [.. files.Where(IsPicture).Order(StringComparer.Ordinal)];
}
