using System.Runtime.InteropServices;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One file of a harvest: a safetensors file with a matrix [rows, width] per column. Its metadata says to which harvest and place in it the file
/// belongs and holds a checksum of every block of rows, so that damage is noticed when the block is read. Owns the open file.
/// </summary>
internal sealed class ShardFile : IDisposable
{
    private readonly TensorSource _source;
    private readonly HarvestSettings _settings;
    private readonly Dictionary<string, uint[]> _checks = new(StringComparer.Ordinal);

    private ShardFile(TensorSource source, HarvestSettings settings, long rows) => (_source, _settings, Rows) = (source, settings, rows);

    internal long Rows { get; }

    internal static string NameOf(int shard) => $"shard-{shard:d5}.safetensors";

    /// <summary>Writes a file, replacing one that an interrupted run left unnamed.</summary>
    internal static HarvestedShard Write(string folder, int number, HarvestSettings settings, IReadOnlyDictionary<string, Tensor> columns)
    {
        var path = Path.Combine(folder, NameOf(number));
        var metadata = new Dictionary<string, string> { ["format"] = "prisma-activations", ["harvest"] = settings.Identity, ["shard"] = $"{number}" };
        foreach (var (name, matrix) in columns) metadata[CheckKey(name)] = Convert.ToHexStringLower(MemoryMarshal.AsBytes<uint>(Checks(matrix, settings.BlockRows)));
        Safetensors.Write(path, columns.Select(column => (column.Key, column.Value)), metadata, ExistingFile.Replace);
        return new HarvestedShard(NameOf(number), columns.Values.First().shape[0], new FileInfo(path).Length);
    }

    /// <summary>Opens a file and compares its header with the index.</summary>
    /// <exception cref="CheckpointException">It is damaged or belongs elsewhere.</exception>
    internal static ShardFile Open(string folder, int number, HarvestIndex index, IEnumerable<SourceColumn> columns)
    {
        var shard = index.Shards[number];
        var source = TensorSource.Open(Path.Combine(folder, shard.File));
        var file = new ShardFile(source, index.Settings, shard.Rows);
        try
        {
            if (source.Metadata.GetValueOrDefault("harvest") != index.Settings.Identity || source.Metadata.GetValueOrDefault("shard") != $"{number}")
                throw new CheckpointException($"'{source.Path}' is not file {number} of this harvest: it was copied from elsewhere. Harvest again with --force.");
            foreach (var column in columns) file.Check(column);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a block of rows of a column into memory and checks it.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    internal void Read(string column, int block, Span<byte> into)
    {
        var start = (long)block * _settings.BlockRows;
        _source.Get(column).Rows(start, Math.Min(_settings.BlockRows, Rows - start)).CopyTo(into);
        if (Crc32C.Of(into) != _checks[column][block])
            throw new CheckpointException($"'{_source.Path}' is damaged: the rows from {start} on of '{column}' are not those that were written. Harvest again with --force.");
    }

    public void Dispose() => _source.Dispose();

    private static string CheckKey(string column) => $"crc32c.{column}";

    private static uint[] Checks(Tensor matrix, int blockRows)
    {
        var checks = new uint[(matrix.shape[0] + blockRows - 1) / blockRows];
        for (var block = 0; block < checks.Length; block++)
        {
            var start = (long)block * blockRows;
            using var rows = matrix.narrow(0, start, Math.Min(blockRows, matrix.shape[0] - start));
            checks[block] = Crc32C.Of(rows.bytes);
        }
        return checks;
    }

    private void Check(SourceColumn column)
    {
        var stored = _source.Get(column.Name);
        if (stored.Type != _settings.Dtype || !stored.Shape.SequenceEqual([Rows, column.Width]))
            throw new CheckpointException($"'{_source.Path}' holds {stored}; the index says {_settings.Dtype}[{Rows}, {column.Width}]. Harvest again with --force.");
        var blocks = (Rows + _settings.BlockRows - 1) / _settings.BlockRows;
        var text = _source.Metadata.GetValueOrDefault(CheckKey(column.Name)) ?? "";
        if (text.Length != 8 * blocks || !text.All(char.IsAsciiHexDigit))
            throw new CheckpointException($"'{_source.Path}' does not have the {blocks} checksums of '{column.Name}'. It is damaged: harvest again with --force.");
        _checks[column.Name] = MemoryMarshal.Cast<byte, uint>(Convert.FromHexString(text)).ToArray();
    }
}
