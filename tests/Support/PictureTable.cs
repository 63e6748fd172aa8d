using Parquet;
using Parquet.Schema;

namespace Prisma.Tests;

/// <summary>Parquet tables of pictures in the structure of the hub's image datasets.</summary>
internal static class PictureTable
{
    /// <summary>Writes the pictures' files, in order, once for each group of rows; a null is a row without a picture.</summary>
    internal static string Write(string path, IReadOnlyList<byte[]?> pictures, int groups = 1)
    {
        // Writing waits for nothing but the disk; on a thread of its own no scope of the caller is open across it.
        Task.Run(async () =>
        {
            var schema = new ParquetSchema(new StructField("image", new DataField("bytes", typeof(byte[]), isNullable: true), new DataField<string>("path")), new DataField<int>("label"));
            var columns = schema.GetDataFields();
            await using var file = File.Create(path);
            await using var writer = await ParquetWriter.CreateAsync(schema, file);
            for (var group = 0; group < groups; group++)
            {
                using var rows = writer.CreateRowGroup();
                await rows.WriteAsync(columns[0], [.. pictures!]);
                await rows.WriteAsync(columns[1], [.. pictures.Select((_, k) => $"{k}.png")]);
                await rows.WriteAsync<int>(columns[2], new int[pictures.Count].AsMemory());
            }
        }).GetAwaiter().GetResult();
        return path;
    }
}
