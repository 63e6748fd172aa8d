namespace Prisma.Core;

/// <summary>A picture of a source: a file of its own, or a stretch of an archive.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="File">The file that holds it.</param>
/// <param name="Offset">Where it begins in the file.</param>
/// <param name="Length">Its bytes.</param>
internal sealed record PictureEntry(string Name, string File, long Offset, long Length)
{
    internal static PictureEntry Whole(string file) => new(file, file, 0, new FileInfo(file).Length);

    /// <summary>Reads and decodes it; from any thread.</summary>
    /// <exception cref="PrismaException">It cannot be read, or is no picture.</exception>
    internal RgbImage Load()
    {
        if (Name == File) return RgbImage.Load(File);
        if (Length > Array.MaxLength) throw new PrismaException($"Cannot read the picture '{Name}': {Length} bytes are too many.");
        var bytes = new byte[Length];
        try
        {
            using var handle = System.IO.File.OpenHandle(File);
            for (var got = 0; got < bytes.Length;)
            {
                var more = RandomAccess.Read(handle, bytes.AsSpan(got), Offset + got);
                if (more == 0) throw new PrismaException($"Cannot read the picture '{Name}': '{File}' ends before it does.");
                got += more;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrismaException($"Cannot read the picture '{Name}': {e.Message}", e);
        }
        return RgbImage.Decode(bytes, Name);
    }
}
