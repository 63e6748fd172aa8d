using Parquet;
using Parquet.Schema;

namespace Prisma.Core;

/// <summary>
/// The pictures in a column of a Parquet file, as image datasets of the hub store them (<c>image.bytes</c>). A group of rows is unpacked as a whole and
/// the last ones are held, so pictures taken in order are read once; in a random order, groups are unpacked again and again.
/// </summary>
internal sealed class ParquetPictures
{
    private const long MostHeld = 256L << 20;
    private const int MostRows = 1 << 22;

    private readonly string _file;
    private readonly DataField _column;
    private readonly Lock _gate = new();
    private readonly List<(int Group, byte[][] Rows)> _held = [];

    private ParquetPictures(string file, DataField column) => (_file, _column) = (file, column);

    internal static IReadOnlyList<PictureEntry> Find(string file)
    {
        var length = new FileInfo(file).Length;
        var found = Reading(file, async reader =>
        {
            var table = new ParquetPictures(file, Column(file, reader.Schema));
            var entries = new List<PictureEntry>();
            for (var group = 0; group < reader.RowGroupCount; group++)
            {
                using var rows = reader.OpenRowGroupReader(group);
                if (rows.RowCount is < 0 or > MostRows || rows.RowCount > length) throw new PrismaException($"'{file}': a group of {rows.RowCount} rows in a file of {length} bytes is refused.");
                for (var row = 0; row < rows.RowCount; row++) entries.Add(new PictureOfTable($"{file}, row {entries.Count}", length, table, group, row));
            }
            return await Task.FromResult(entries).ConfigureAwait(false);
        });
        return found.Count > 0 ? found : throw new PrismaException($"The table '{file}' has no rows.");
    }

    internal byte[] Bytes(int group, int row)
    {
        lock (_gate)
        {
            var at = _held.FindIndex(held => held.Group == group);
            if (at < 0) Hold(group);
            else if (at > 0) (_held[0], _held[at]) = (_held[at], _held[0]);
            return _held[0].Rows[row];
        }
    }

    private void Hold(int group)
    {
        var rows = Reading(_file, async reader =>
        {
            using var source = reader.OpenRowGroupReader(group);
            var column = new byte[]?[(int)source.RowCount];
            await source.ReadAsync(_column, column.AsMemory()!).ConfigureAwait(false);
            return Array.ConvertAll(column, bytes => bytes ?? []);
        });
        _held.Insert(0, (group, rows));
        while (_held.Count > 1 && _held.Sum(held => held.Rows.Sum(row => row.LongLength)) > MostHeld) _held.RemoveAt(_held.Count - 1);
    }

    // The column of bytes; where there are several, the one that is called so inside a picture's structure.
    private static DataField Column(string file, ParquetSchema schema)
    {
        var columns = schema.GetDataFields().Where(field => field.ClrType == typeof(ReadOnlyMemory<byte>) && field.MaxRepetitionLevel == 0).ToList();
        if (columns.Count > 1) columns = [.. columns.Where(field => field.Path.ToList()[^1] == "bytes")];
        return columns.Count == 1
            ? columns[0]
            : throw new PrismaException($"'{file}' has {(columns.Count == 0 ? "no" : "several")} columns of pictures' bytes; its columns are {string.Join(", ", schema.GetDataFields().Select(field => $"{field.Path}"))}.");
    }

    private static T Reading<T>(string file, Func<ParquetReader, Task<T>> read)
    {
        try
        {
            return Task.Run(async () =>
            {
                var reader = await ParquetReader.CreateAsync(file).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false)) return await read(reader).ConfigureAwait(false);
            }).GetAwaiter().GetResult();
        }
        // The reader of damaged tables throws whatever it stumbles over.
        catch (Exception e) when (e is not (PrismaException or OutOfMemoryException))
        {
            throw new PrismaException($"'{file}' cannot be read as a Parquet table: {e.Message} It may be damaged or cut off.", e);
        }
    }
}
