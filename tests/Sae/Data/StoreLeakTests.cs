using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class StoreLeakTests
{
    [Fact]
    public void Harvesting_reading_streaming_and_stopping_midway_leave_no_tensor_behind() => Leaks.None(Work);

    private static void Work()
    {
        using var bench = new HarvestBench();
        bench.Harvest("h");
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => Harvest.Run(bench.Model, bench.Inputs, bench.Options, bench["s"], stop: stop.Token, progress: new Stopping(stop)));
        using var shards = ShardSource.Open(bench["h"], new ShardOptions { WindowBytes = 40 * 128 });
        var stream = new StreamSource(bench.Model, bench.Inputs, new StreamOptions { Sites = bench.Options.Sites, Batch = 2, ChunkRows = 70 });
        foreach (IActivationSource source in new IActivationSource[] { shards, stream, new ColumnSubset(shards, HarvestBench.First.ToString()) })
            foreach (var from in new[] { 0, 90, 600 })
                foreach (var batch in source.Open(30, new Cursor(from), CancellationToken.None).Take(5)) batch.Dispose();
    }

    private sealed class Stopping(CancellationTokenSource stop) : IProgress<HarvestProgress>
    {
        public void Report(HarvestProgress value)
        {
            if (value.Shards == 2) stop.Cancel();
        }
    }
}
