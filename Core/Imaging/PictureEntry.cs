namespace Prisma.Core;

/// <summary>A picture of a source, wherever it lies.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Length">Its bytes, or those of what holds it: with the name it tells sources apart.</param>
internal abstract record PictureEntry(string Name, long Length)
{
    /// <summary>Reads and decodes it; from any thread.</summary>
    /// <exception cref="PrismaException">It cannot be read, or is no picture.</exception>
    internal abstract RgbImage Load();
}

/// <summary>A picture that is a file.</summary>
internal sealed record PictureOfFile(string Name) : PictureEntry(Name, new FileInfo(Name).Length)
{
    internal override RgbImage Load() => RgbImage.Load(Name);
}

/// <summary>A picture that is a stretch of an archive.</summary>
internal sealed record PictureOfArchive(string Name, string Archive, long Offset, long Length) : PictureEntry(Name, Length)
{
    internal override RgbImage Load()
    {
        if (Length > Array.MaxLength) throw new PrismaException($"Cannot read the picture '{Name}': {Length} bytes are too many.");
        var bytes = new byte[Length];
        try
        {
            using var handle = File.OpenHandle(Archive);
            for (var got = 0; got < bytes.Length;)
            {
                var more = RandomAccess.Read(handle, bytes.AsSpan(got), Offset + got);
                if (more == 0) throw new PrismaException($"Cannot read the picture '{Name}': '{Archive}' ends before it does.");
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

/// <summary>A picture in a row of a table.</summary>
internal sealed record PictureOfTable(string Name, long Length, ParquetPictures Table, int Group, int Row) : PictureEntry(Name, Length)
{
    internal override RgbImage Load() => RgbImage.Decode(Table.Bytes(Group, Row), Name);
}
