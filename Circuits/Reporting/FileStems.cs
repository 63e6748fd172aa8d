namespace Prisma.Circuits;

/// <summary>Names for files drawn from other files: two of one name in different folders must not overwrite each other.</summary>
internal static class FileStems
{
    internal static IReadOnlyList<string> Of(IReadOnlyList<string> names)
    {
        var stems = names.Select(name => Path.GetFileNameWithoutExtension(name)).ToList();
        var repeated = stems.GroupBy(stem => stem).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet();
        return [.. stems.Select((stem, k) => repeated.Contains(stem) ? $"{stem}-{k + 1}" : stem)];
    }
}
