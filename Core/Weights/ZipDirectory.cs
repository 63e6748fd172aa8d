using System.Buffers.Binary;
using System.Text;

namespace Prisma.Core;

/// <summary>
/// The members of a zip file (APPNOTE 6.3, also zip64), as stores that read in place: stored members by position, deflated ones unpacked while
/// reading. Every offset and size is checked against the file, so a directory that lies allocates nothing. Checksums are not verified:
/// PyTorch may write them empty.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64LocatorSignature = 0x07064b50;
    private const uint End64Signature = 0x06064b50;
    private const uint EntrySignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndSize = 22;
    private const int End64Size = 56;

    // Deflate cannot shrink further than this.
    private const long MaxRatio = 1032;

    private readonly ByteStore _file;
    private readonly Dictionary<string, ByteStore> _members = [];

    private ZipDirectory(ByteStore file) => _file = file;

    /// <summary>Member names in the directory's order.</summary>
    public List<string> Names { get; } = [];

    public static bool Recognises(ReadOnlySpan<byte> start) => start.StartsWith("PK\u0003\u0004"u8) || start.StartsWith("PK\u0005\u0006"u8);

    public static ZipDirectory Read(ByteStore file)
    {
        var zip = new ZipDirectory(file);
        zip.ReadDirectory();
        return zip;
    }

    public ByteStore? Find(string name) => _members.GetValueOrDefault(name);

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private CheckpointException Damaged(string why) => new($"'{_file.Label}' is no complete zip file ({_file.Length} bytes): {why}. It is truncated or damaged: fetch it again.");

    private void ReadDirectory()
    {
        var (endAt, count, size, offset) = FindEnd();
        if (size > (ulong)endAt) throw Damaged($"its directory claims {size} bytes");
        var start = endAt - (long)size;
        if (offset > (ulong)start) throw Damaged($"its directory claims to begin at byte {offset}");
        var shift = start - (long)offset;           // bytes put before the archive
        if (count > size / 46) throw Damaged($"its directory claims {count} members in {size} bytes");
        if (size > int.MaxValue) throw Damaged($"its directory claims {size} bytes");
        ReadOnlySpan<byte> directory = _file.ReadArray(start, (int)size);
        for (ulong i = 0; i < count; i++) directory = directory[ReadEntry(directory, shift)..];
    }

    // The end record sits in the last 64 KB, followed by a comment only; zip64 keeps the real numbers in a record of its own.
    private (long EndAt, ulong Count, ulong Size, ulong Offset) FindEnd()
    {
        var tail = _file.ReadArray(Math.Max(0, _file.Length - (EndSize + ushort.MaxValue)), (int)Math.Min(_file.Length, EndSize + ushort.MaxValue));
        for (var at = tail.Length - EndSize; at >= 0; at--)
        {
            if (U32(tail, at) != EndSignature || U16(tail, at + 20) != tail.Length - at - EndSize) continue;
            var endAt = _file.Length - tail.Length + at;
            var (count, size, offset) = ((ulong)U16(tail, at + 10), (ulong)U32(tail, at + 12), (ulong)U32(tail, at + 16));
            if (at < 20 || U32(tail, at - 20) != End64LocatorSignature) return (endAt, count, size, offset);
            var end64At = endAt - 20 - End64Size;   // where it stands in every archive without extensions, whatever lies before the archive
            if (end64At < 0) throw Damaged("its zip64 record is missing");
            var end64 = _file.ReadArray(end64At, End64Size);
            if (U32(end64, 0) != End64Signature) throw Damaged("its zip64 record is missing");
            return (end64At, U64(end64, 32), U64(end64, 40), U64(end64, 48));
        }

        throw Damaged("the directory at its end is missing");
    }

    private int ReadEntry(ReadOnlySpan<byte> entry, long shift)
    {
        if (entry.Length < 46 || U32(entry, 0) != EntrySignature) throw Damaged("an entry of its directory is broken");
        var (nameLength, extraLength, commentLength) = (U16(entry, 28), U16(entry, 30), U16(entry, 32));
        var total = 46 + nameLength + extraLength + commentLength;
        if (entry.Length < total) throw Damaged("an entry of its directory is broken");
        var name = Encoding.UTF8.GetString(entry.Slice(46, nameLength));
        var (packed, unpacked, local) = Sizes(entry, entry.Slice(46 + nameLength, extraLength));
        if ((U16(entry, 8) & 1) != 0) throw new CheckpointException($"'{_file.Label}': member '{name}' is encrypted, which is not supported.");
        var member = Open(name, U16(entry, 10), packed, unpacked, local + (ulong)shift);
        if (!_members.TryAdd(name, member)) throw Damaged($"member '{name}' occurs twice");
        Names.Add(name);
        return total;
    }

    // Sizes that do not fit 32 bits are in the zip64 extra field, in this order and only those.
    private (ulong Packed, ulong Unpacked, ulong Local) Sizes(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra)
    {
        ulong packed = U32(entry, 20), unpacked = U32(entry, 24), local = U32(entry, 42);
        while (extra.Length >= 4)
        {
            var (tag, size) = (U16(extra, 0), U16(extra, 2));
            if (size > extra.Length - 4) break;
            if (tag == 1)
            {
                var field = extra.Slice(4, size);
                if (unpacked == uint.MaxValue) unpacked = Take(ref field);
                if (packed == uint.MaxValue) packed = Take(ref field);
                if (local == uint.MaxValue) local = Take(ref field);
                break;
            }

            extra = extra[(4 + size)..];
        }

        return (packed, unpacked, local);
    }

    private ulong Take(ref ReadOnlySpan<byte> field)
    {
        if (field.Length < 8) throw Damaged("a zip64 field is too short");
        var value = U64(field, 0);
        field = field[8..];
        return value;
    }

    private ByteStore Open(string name, int method, ulong packed, ulong unpacked, ulong local)
    {
        if (local > (ulong)_file.Length || _file.Length - (long)local < 30) throw Damaged($"member '{name}' lies outside");
        var header = _file.ReadArray((long)local, 30);
        if (U32(header, 0) != LocalSignature) throw Damaged($"member '{name}' has no header at byte {local}");
        var start = (long)local + 30 + U16(header, 26) + U16(header, 28);
        if (start > _file.Length || packed > (ulong)(_file.Length - start)) throw Damaged($"member '{name}' claims {packed} bytes at byte {start}");
        var bytes = _file.Slice(start, (long)packed);
        switch (method)
        {
            case 0 when packed == unpacked:
                return bytes;
            case 0:
                throw Damaged($"member '{name}' is stored but has two sizes, {packed} and {unpacked}");
            case 8 when unpacked <= (packed + 1) * MaxRatio:
                return new InflatedBytes(bytes, $"member '{name}'", (long)unpacked);
            case 8:
                throw Damaged($"member '{name}' claims to unpack from {packed} to {unpacked} bytes");
            default:
                throw new CheckpointException($"'{_file.Label}': member '{name}' is packed by method {method}; stored and deflated ones are supported.");
        }
    }
}
