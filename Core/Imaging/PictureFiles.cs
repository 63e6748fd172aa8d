namespace Prisma.Core;

/// <summary>Finds picture files: single ones, all of a folder, or those that a pattern names.</summary>
public static class PictureFiles
{
    /// <summary>How the names of picture files end, in small letters.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"];

    /// <summary>The files behind the names, folders and patterns (<c>*</c> and <c>?</c> in the last part), in the order given, sorted within each.</summary>
    /// <exception cref="PrismaException">A name leads to nothing.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> named) => [.. named.SelectMany(Expand)];

    private static IEnumerable<string> Expand(string name)
    {
        if (File.Exists(name)) return [name];
        if (Directory.Exists(name))
        {
            var inside = Directory.EnumerateFiles(name).Where(file => Endings.Contains(Path.GetExtension(file).ToLowerInvariant()))
                .Order(StringComparer.Ordinal).ToList();
            return inside.Count > 0 ? inside : throw new PrismaException($"The folder '{name}' has no pictures ({string.Join(", ", Endings)}).");
        }
        var (folder, pattern) = (Path.GetDirectoryName(name) is { Length: > 0 } above ? above : ".", Path.GetFileName(name));
        var found = pattern.AsSpan().ContainsAny('*', '?') && Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).ToList()
            : [];
        return found.Count > 0 ? found : throw new PrismaException($"There is no picture, folder or pattern match '{name}'.");
    }
}
