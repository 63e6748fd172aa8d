using System.Formats.Tar;

namespace Prisma.Core;

/// <summary>
/// The pictures in a tar archive, such as a shard of a WebDataset. Only the headers are read; the pictures stay where they are and can be taken in any
/// order. Nothing is unpacked.
/// </summary>
internal static class TarPictures
{
    internal static IReadOnlyList<PictureEntry> Find(string archive)
    {
        var found = new List<PictureEntry>();
        try
        {
            using var file = File.OpenRead(archive);
            using var tar = new TarReader(file);
            while (tar.GetNextEntry() is { } entry)
            {
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile) || !PictureFiles.IsPicture(entry.Name)) continue;
                if (entry.DataOffset + entry.Length > file.Length) throw new EndOfStreamException($"'{entry.Name}' should end at byte {entry.DataOffset + entry.Length} of {file.Length}");
                found.Add(new PictureOfArchive($"{archive}/{entry.Name}", archive, entry.DataOffset, entry.Length));
            }
            if (!EndsInZeros(file)) throw new EndOfStreamException("the blocks of zeros at its end are missing");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or FormatException or UnauthorizedAccessException)
        {
            throw new PrismaException($"'{archive}' cannot be read as a tar archive: {e.Message}. It may be damaged or cut off.", e);
        }
        return found.Count > 0 ? found : throw new PrismaException($"The archive '{archive}' has no pictures.");
    }

    // The reader takes an archive that was cut between two entries for a shorter one.
    private static bool EndsInZeros(FileStream file)
    {
        var block = new byte[512];
        if (file.Length < block.Length) return false;
        file.Seek(-block.Length, SeekOrigin.End);
        file.ReadExactly(block);
        return !block.AsSpan().ContainsAnyExcept((byte)0);
    }
}
