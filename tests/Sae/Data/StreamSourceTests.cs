using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Activations made while they are used.</summary>
public sealed class StreamSourceTests
{
    private static readonly string s_first = HarvestBench.First.ToString(), s_second = HarvestBench.Second.ToString();

    // Chunks of four pictures: six of them, the last shorter.
    private static StreamOptions Small => new() { Sites = [HarvestBench.First, HarvestBench.Second], Batch = 2, ChunkRows = 70, Seed = 9 };

    [Fact]
    public void Each_round_delivers_the_rows_of_a_harvest_once_in_an_order_of_its_own()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var stored = ShardSource.Open(bench["h"], new ShardOptions { Seed = null });
        var known = Order.Read(stored, s_first, 391, Cursor.Start, 1);
        var stream = new StreamSource(bench.Model, bench.Inputs, Small);
        Assert.Equal(391, stream.RowsPerRound);
        var (rows, distance) = Order.Find(Order.Read(stream, s_first, 17, Cursor.Start, 46), known);
        Assert.True(distance < 1e-5);
        Assert.Equal(Enumerable.Range(0, 391).Select(k => (long)k), rows[..391].Order());
        Assert.Equal(Enumerable.Range(0, 391).Select(k => (long)k), rows[391..].Order());
        Assert.NotEqual(rows[..391], rows[391..]);
        // What is shuffled together is half a chunk of the pictures before and half a chunk of those after.
        Assert.True(rows[..34].Select(row => row / 17).Distinct().Count() >= 4);
    }

    [Theory]
    [InlineData(TokenFilter.All, 70, 391)]
    [InlineData(TokenFilter.Cls, 2, 23)]
    [InlineData(TokenFilter.Spatial, 10_000, 368)]
    public void Opening_at_a_cursor_equals_going_on_bit_for_bit(TokenFilter tokens, int chunkRows, int rows)
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        var options = Small with { Tokens = tokens, ChunkRows = chunkRows };
        var stream = new StreamSource(bench.Model, bench.Inputs, options);
        var size = rows / 8;
        var whole = Order.Read(stream, s_first, size, Cursor.Start, 20);
        for (var batch = 0; batch < 20; batch++)
            Assert.True(Order.Read(stream, s_first, size, new Cursor(size * batch), 1).Equals(whole.narrow(0, size * batch, size)), $"batch {batch}");
        var again = new StreamSource(bench.Model, bench.Inputs, options);
        Assert.Equal(stream.Fingerprint, again.Fingerprint);
        Assert.True(Order.Read(again, s_first, size, new Cursor(size * 5), 15).Equals(whole.narrow(0, size * 5, size * 15)));
        Assert.NotEqual(stream.Fingerprint, new StreamSource(bench.Model, bench.Inputs, options with { Seed = 1 }).Fingerprint);
    }

    [Fact]
    public void Columns_stay_together()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        var stream = new StreamSource(bench.Model, bench.Inputs, Small);
        foreach (var batch in stream.Open(100, Cursor.Start, CancellationToken.None).Take(4))
            using (batch)
            {
                var (rows, _) = Order.Find(batch[s_first], bench.Direct(HarvestBench.First).reshape(-1, 16));
                Close.Check(s_second, batch[s_second], bench.Direct(HarvestBench.Second).reshape(-1, 16).index_select(0, tensor(rows)));
            }
    }

    [Fact]
    public void What_goes_wrong_in_the_other_thread_comes_out_where_batches_are_asked_for()
    {
        using var bench = new HarvestBench(change: pixels =>
        {
            pixels.narrow(0, 22, 1).fill_(float.PositiveInfinity);
            return pixels;
        });
        var stream = new StreamSource(bench.Model, bench.Inputs, Small);
        var error = Assert.Throws<OptionsException>(() =>
        {
            foreach (var batch in stream.Open(17, Cursor.Start, CancellationToken.None)) batch.Dispose();
        });
        Assert.Contains("row 22 of", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Batches_made_in_another_thread_do_not_die_with_scopes_of_this_one()
    {
        using var bench = new HarvestBench();
        var stream = new StreamSource(bench.Model, bench.Inputs, Small);
        ActivationBatch kept;
        using (NewDisposeScope()) kept = stream.Open(30, Cursor.Start, CancellationToken.None).First();
        using (kept)
        using (var sum = kept[s_first].sum()) Assert.True(float.IsFinite(sum.item<float>()));
    }
}
