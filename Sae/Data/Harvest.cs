using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Runs a model over examples and stores what its places hold, file by file: <c>shard-00000.safetensors</c> with a matrix per place, and
/// <c>index.json</c>. Killed at any moment it loses at most the file under work; the same call goes on from there and ends with the same bytes.
/// </summary>
public static class Harvest
{
    // A file's header and an index entry, generously.
    private const long BytesBesideRows = 16_384;

    /// <summary>Harvests, or goes on with a harvest. Borrows the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputs">The examples; they are read ahead in another thread.</param>
    /// <param name="options">Places, tokens, type and sizes.</param>
    /// <param name="folder">Where the files go.</param>
    /// <param name="existing">What to do with a harvest that is already there.</param>
    /// <param name="progress">Told before the first and after every file.</param>
    /// <param name="stop">Ends it between two forward passes; the finished files stay.</param>
    /// <returns>The finished index.</returns>
    /// <exception cref="PrismaException">
    /// Options or places do not work, the folder holds another harvest, the disk or the budget is too small (all before any work), or an activation
    /// is NaN or infinite.
    /// </exception>
    public static HarvestIndex Run(HookedModel model, IModelInputs inputs, HarvestOptions options, string folder,
        ExistingHarvest existing = ExistingHarvest.Continue, IProgress<HarvestProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var reader = new ActivationReader(model, inputs, options.Sites, options.Tokens, options.Dtype);
        var settings = HarvestSettings.Of(model, inputs, reader, options);
        using var place = HarvestFolder.Open(folder);
        var index = place.Find(settings, existing);
        var total = settings.Rows * settings.RowBytes + settings.Shards * BytesBesideRows;
        place.CheckRoom(index, total, options);
        index = place.Begin(index);
        using var batches = InputBatch.Read(inputs, Batches(settings, index.Shards.Count), stop);
        Report();
        while (!index.Finished)
        {
            index = Next(index, reader, batches, folder, stop).Write(folder);
            Report();
        }
        return index;

        void Report() => progress?.Report(new HarvestProgress(
            index.Shards.Count, settings.Shards, index.Rows, settings.Rows, index.Shards.Sum(shard => shard.Bytes), total));
    }

    // Forward passes begin anew with every file, so that a file does not depend on where a run before it ended.
    private static IEnumerable<int[]> Batches(HarvestSettings settings, int firstShard)
    {
        var order = Shuffle.Of(settings.Examples, settings.Seed);
        for (var start = (long)firstShard * settings.ExamplesPerShard; start < settings.Examples; start += settings.ExamplesPerShard)
            foreach (var batch in order.Skip((int)start).Take(settings.ExamplesPerShard).Chunk(settings.Batch)) yield return batch;
    }

    private static HarvestIndex Next(HarvestIndex index, ActivationReader reader, Ahead<InputBatch> batches, string folder, CancellationToken stop)
    {
        var (settings, number) = (index.Settings, index.Shards.Count);
        var examples = Math.Min(settings.ExamplesPerShard, settings.Examples - number * settings.ExamplesPerShard);
        var rows = (long)examples * settings.RowsPerExample;
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var columns = settings.Columns.ToDictionary(column => column.Name, column => empty([rows, column.Width], settings.Dtype.NativeType()), StringComparer.Ordinal);
        IReadOnlyDictionary<string, ColumnStatistics> statistics = index.Statistics;
        for (long filled = 0; filled < rows;)
        {
            stop.ThrowIfCancellationRequested();
            using var pass = NewDisposeScope();
            using var batch = batches.Next()!;
            var merged = new Dictionary<string, ColumnStatistics>(StringComparer.Ordinal);
            foreach (var (name, values) in reader.Read(batch))
                using (values)
                {
                    columns[name].narrow(0, filled, values.shape[0]).copy_(values);
                    merged[name] = statistics[name].Merge(ColumnStatistics.Of(values));
                }
            statistics = merged;
            filled += (long)batch.Examples.Count * settings.RowsPerExample;
        }
        return index.With(ShardFile.Write(folder, number, settings, columns), statistics);
    }
}
