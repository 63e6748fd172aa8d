using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>The order in which harvested rows are delivered, and damage to the files.</summary>
public sealed class ShardSourceTests
{
    private const int Rows = 391;
    private static readonly string s_first = HarvestBench.First.ToString(), s_second = HarvestBench.Second.ToString();

    // Windows of four blocks of ten rows: several of everything.
    private static ShardOptions Small => new() { Seed = 7, WindowBytes = 40 * 128 };

    [Fact]
    public void Each_round_delivers_each_row_once_in_an_order_of_its_own()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var source = ShardSource.Open(bench["h"], Small);
        Assert.Equal(Rows, source.RowsPerRound);
        // 17 rows divide 391, so nothing is left over.
        var read = Order.Read(source, s_first, 17, Cursor.Start, 2 * 23);
        var known = bench.Direct(HarvestBench.First).reshape(-1, 16);
        var (rows, distance) = Order.Find(read, known);
        Assert.True(distance < 1e-5);
        var (one, two) = (rows[..Rows], rows[Rows..]);
        Assert.Equal(Enumerable.Range(0, Rows).Select(k => (long)k), one.Order());
        Assert.Equal(Enumerable.Range(0, Rows).Select(k => (long)k), two.Order());
        Assert.NotEqual(one, two);
        // A window of 40 rows comes from at least three of the five files.
        Assert.True(one[..40].Select(row => row / 85).Distinct().Count() >= 3);
    }

    [Fact]
    public void Columns_stay_together()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var source = ShardSource.Open(bench["h"], Small);
        foreach (var batch in source.Open(100, Cursor.Start, CancellationToken.None).Take(5))
            using (batch)
            {
                Assert.Equal(100, batch.Rows);
                var (rows, _) = Order.Find(batch[s_first], bench.Direct(HarvestBench.First).reshape(-1, 16));
                Close.Check(s_second, batch[s_second], bench.Direct(HarvestBench.Second).reshape(-1, 16).index_select(0, tensor(rows)));
            }
    }

    [Theory]
    [InlineData(7L)]
    [InlineData(null)]
    public void Opening_at_a_cursor_equals_going_on(long? seed)
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var source = ShardSource.Open(bench["h"], Small with { Seed = seed });
        // 30 rows do not divide 391: 13 batches a round, one row left over.
        var whole = Order.Read(source, s_first, 30, Cursor.Start, 40);
        for (var batch = 0; batch < 39; batch++)
            Assert.True(Order.Read(source, s_first, 30, new Cursor(30 * batch), 1).Equals(whole.narrow(0, 30 * batch, 30)), $"batch {batch}");
        using var again = ShardSource.Open(bench["h"], Small with { Seed = seed });
        Assert.True(Order.Read(again, s_first, 30, new Cursor(30 * 11), 29).Equals(whole.narrow(0, 30 * 11, 30 * 29)));
        Assert.Equal(source.Fingerprint, again.Fingerprint);
        using var other = ShardSource.Open(bench["h"], Small with { Seed = 8 });
        Assert.NotEqual(source.Fingerprint, other.Fingerprint);
        Assert.False(Order.Read(other, s_first, 30, Cursor.Start, 2).Equals(whole.narrow(0, 0, 60)));
    }

    [Fact]
    public void The_cursor_of_a_batch_leads_to_the_next()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var source = ShardSource.Open(bench["h"], Small);
        var cursor = Cursor.Start;
        var whole = Order.Read(source, s_first, 64, Cursor.Start, 15);
        for (var k = 0; k < 15; k++)
        {
            using var batch = source.Open(64, cursor, CancellationToken.None).First();
            Assert.True(batch[s_first].Equals(whole.narrow(0, 64 * k, 64)));
            cursor = batch.After;
        }
    }

    [Fact]
    public void Chosen_columns_come_in_the_same_order_as_all()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h");
        using var all = ShardSource.Open(bench["h"], Small);
        using var chosen = ShardSource.Open(bench["h"], Small with { Columns = [s_second] });
        var subset = new ColumnSubset(all, s_second);
        Assert.Equal([s_second], chosen.Columns.Select(column => column.Name));
        Assert.Equal(chosen.Columns, subset.Columns);
        var want = Order.Read(all, s_second, 50, Cursor.Start, 9);
        Assert.True(Order.Read(chosen, s_second, 50, Cursor.Start, 9).Equals(want));
        Assert.True(Order.Read(subset, s_second, 50, Cursor.Start, 9).Equals(want));
        foreach (var batch in subset.Open(50, Cursor.Start, CancellationToken.None).Take(1))
            using (batch) Assert.Throws<OptionsException>(() => batch[s_first]);
        Assert.Throws<OptionsException>(() => ShardSource.Open(bench["h"], Small with { Columns = ["blocks.9.hook_resid_post"] }));
        Assert.Throws<OptionsException>(() => new ColumnSubset(all, "nothing"));
    }

    [Fact]
    public void Too_large_batches_and_a_stop_end_it()
    {
        using var bench = new HarvestBench();
        bench.Harvest("h");
        using var source = ShardSource.Open(bench["h"], Small);
        Assert.Contains("391 rows", Assert.Throws<OptionsException>(() => source.Open(392, Cursor.Start, CancellationToken.None)).Message, StringComparison.Ordinal);
        using var stop = new CancellationTokenSource();
        var seen = 0;
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (var batch in source.Open(64, Cursor.Start, stop.Token))
                using (batch)
                    if (++seen == 3) stop.Cancel();
        });
        Assert.Equal(3, seen);
    }

    [Fact]
    public void Damaged_truncated_missing_and_exchanged_files_are_named()
    {
        using var bench = new HarvestBench();
        bench.Harvest("h");
        var file = bench["h/shard-00002.safetensors"];
        var good = File.ReadAllBytes(file);

        var flipped = good.ToArray();
        flipped[^100] ^= 1;
        File.WriteAllBytes(file, flipped);
        AssertNamed(Reading(), "is damaged: the rows from 80 on");

        File.WriteAllBytes(file, good[..^64]);
        AssertNamed(Opening(), "truncated");
        File.WriteAllBytes(file, File.ReadAllBytes(bench["h/shard-00001.safetensors"]));
        AssertNamed(Opening(), "not file 2 of this harvest");
        File.Delete(file);
        AssertNamed(Opening(), "is missing");

        // Cut off after it was opened.
        File.WriteAllBytes(file, good);
        using var source = ShardSource.Open(bench["h"], Small);
        using (var open = new FileStream(file, FileMode.Open)) open.SetLength(good.Length / 2);
        AssertNamed(Assert.Throws<CheckpointException>(() => Count(source)), "truncated");

        CheckpointException Opening() => Assert.Throws<CheckpointException>(() => ShardSource.Open(bench["h"], Small).Dispose());

        CheckpointException Reading()
        {
            using var opened = ShardSource.Open(bench["h"], Small);
            return Assert.Throws<CheckpointException>(() => Count(opened));
        }

        static void AssertNamed(CheckpointException error, string says)
        {
            Assert.Contains("shard-00002.safetensors", error.Message, StringComparison.Ordinal);
            Assert.Contains(says, error.Message, StringComparison.Ordinal);
        }
    }

    private static void Count(ShardSource source)
    {
        foreach (var batch in source.Open(30, Cursor.Start, CancellationToken.None).Take(13)) batch.Dispose();
    }
}
