namespace Prisma.Core;

/// <summary>
/// Finds the pictures behind names: picture files, folders (searched downwards where they hold no pictures themselves), patterns, lists of files
/// (<c>.txt</c>, <c>.lst</c>: one path a line), tar archives, Parquet tables and folders of either.
/// </summary>
internal static class PictureSources
{
    private static readonly string[] s_lists = [".txt", ".lst"];
    private static readonly string[] s_packed = [".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip"];

    internal static IReadOnlyList<PictureEntry> Find(IEnumerable<string> named) => [.. named.SelectMany(Files).SelectMany(Entries)];

    private static IEnumerable<string> Files(string name)
    {
        if (Directory.Exists(name) && !Directory.EnumerateFiles(name).Any(PictureFiles.IsPicture)
            && Directory.EnumerateFiles(name).Where(file => Path.GetExtension(file) is ".tar" or ".parquet").Order(StringComparer.Ordinal).ToList() is { Count: > 0 } archives) return archives;
        return PictureFiles.Find([name]);
    }

    private static IEnumerable<PictureEntry> Entries(string file)
    {
        var ending = Path.GetExtension(file).ToLowerInvariant();
        if (ending == ".tar") return TarPictures.Find(file);
        if (ending == ".parquet") return ParquetPictures.Find(file);
        if (s_lists.Contains(ending)) return Listed(file);
        return s_packed.Contains(ending)
            ? throw new PrismaException($"'{file}' is packed, so its pictures cannot be taken in any order. Unpack it: a .tar archive or a folder is read.")
            : [new PictureOfFile(file)];
    }

    // What follows a tab is somebody's label.
    private static IEnumerable<PictureEntry> Listed(string list)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(list))!;
        var number = 0;
        var any = false;
        foreach (var line in File.ReadLines(list))
        {
            number++;
            var path = line.Split('\t')[0].Trim();
            if (path.Length == 0 || path[0] == '#') continue;
            var full = Path.Combine(folder, path);
            if (!File.Exists(full)) throw new PrismaException($"'{list}', line {number}: there is no file '{full}'.");
            any = true;
            yield return new PictureOfFile(full);
        }
        if (!any) throw new PrismaException($"The list '{list}' names no pictures.");
    }
}
