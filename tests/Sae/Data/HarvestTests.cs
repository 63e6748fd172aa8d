using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>What a harvest stores, against one plain pass over everything.</summary>
public sealed class HarvestTests
{
    [Theory]
    [InlineData(TokenFilter.All, 0, 17)]
    [InlineData(TokenFilter.Cls, 0, 1)]
    [InlineData(TokenFilter.Spatial, 1, 16)]
    [InlineData(TokenFilter.NoSpecial, 1, 16)]
    public void Every_chosen_token_of_every_place_is_stored_in_order(TokenFilter tokens, int start, int count)
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        var index = bench.Harvest("h", bench.Options with { Tokens = tokens });
        Assert.True(index.Finished);
        Assert.Equal(23 * count, index.Rows);
        using var source = ShardSource.Open(bench["h"], new ShardOptions { Seed = null });
        foreach (var site in new[] { HarvestBench.First, HarvestBench.Second })
        {
            var want = bench.Direct(site).narrow(1, start, count).reshape(-1, 16);
            Close.Check(site.ToString(), Order.Read(source, site.ToString(), 23 * count, Cursor.Start, 1), want);
            // The files themselves, read by nobody's code but safetensors'.
            var files = cat([.. index.Shards.Select(shard => Stored(bench["h/" + shard.File], site.ToString()))]);
            Close.Check(site.ToString(), files, want);
        }
    }

    [Fact]
    public void Heads_lie_side_by_side_and_places_without_token_rows_are_refused()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("z", bench.Options with { Sites = [Site.Z[1]] });
        using var source = ShardSource.Open(bench["z"], new ShardOptions { Seed = null });
        Close.Check("z", Order.Read(source, "blocks.1.attn.hook_z", 391, Cursor.Start, 1), bench.Direct(Site.Z[1]).reshape(-1, 16));
        Assert.Contains("hook_pattern", Assert.Throws<ShapeException>(() => bench.Harvest("p", bench.Options with { Sites = [Site.Pattern[0]] })).Message, StringComparison.Ordinal);
        Assert.Contains("hook_pos_embed", Assert.Throws<ShapeException>(() => bench.Harvest("e", bench.Options with { Sites = [Site.PosEmbed.Only] })).Message, StringComparison.Ordinal);
        var unlike = Assert.Throws<ShapeException>(() => bench.Harvest("u", bench.Options with { Sites = [Site.Embed.Only, HarvestBench.First] }));
        Assert.Contains("16 rows per example", unlike.Message, StringComparison.Ordinal);
        // Both have the tokens of the grid.
        Assert.Equal(23 * 16, bench.Harvest("g", bench.Options with { Sites = [Site.Embed.Only, HarvestBench.First], Tokens = TokenFilter.Spatial }).Rows);
    }

    [Theory]
    [InlineData(ScalarType.Float16, 1e-3)]
    [InlineData(ScalarType.BFloat16, 8e-3)]
    public void Half_types_are_rounded_on_disk_and_widened_on_reading(ScalarType dtype, double relative)
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h", bench.Options with { Dtype = dtype });
        using var source = ShardSource.Open(bench["h"], new ShardOptions { Seed = null });
        var got = Order.Read(source, HarvestBench.First.ToString(), 391, Cursor.Start, 1);
        var want = bench.Direct(HarvestBench.First).reshape(-1, 16);
        Assert.Equal(ScalarType.Float32, got.dtype);
        Assert.Equal(dtype, Stored(bench["h/shard-00000.safetensors"], HarvestBench.First.ToString()).dtype);
        Assert.True(((got - want).abs() / (want.abs() + 1e-2)).max().item<float>() < relative);
    }

    [Fact]
    public void Statistics_are_those_of_all_rows()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        var index = bench.Harvest("h");
        foreach (var site in new[] { HarvestBench.First, HarvestBench.Second })
        {
            var x = bench.Direct(site).reshape(-1, 16).to(ScalarType.Float64);
            var got = index.Statistics[site.ToString()];
            Assert.Equal(391, got.Count);
            Assert.Equal(x.norm(1).mean().item<double>(), got.MeanNorm, 1e-6);
            Assert.Equal(x.square().sum(1L).mean().item<double>(), got.MeanSquaredNorm, 1e-5);
            for (var k = 0; k < 16; k++)
            {
                Assert.Equal(x.select(1, k).mean().item<double>(), got.Mean[k], 1e-6);
                Assert.Equal(x.select(1, k).std(unbiased: false).item<double>(), got.Std[k], 1e-6);
            }
        }
    }

    [Fact]
    public void A_seed_takes_the_examples_in_another_order()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        bench.Harvest("h", bench.Options with { Seed = 3, Tokens = TokenFilter.Cls });
        using var source = ShardSource.Open(bench["h"], new ShardOptions { Seed = null });
        var (rows, distance) = Order.Find(Order.Read(source, HarvestBench.First.ToString(), 23, Cursor.Start, 1), bench.Direct(HarvestBench.First).select(1, 0));
        Assert.True(distance < 1e-5);
        Assert.Equal(Enumerable.Range(0, 23).Select(k => (long)k), rows.Order());
        Assert.NotEqual(rows.Order(), rows);
    }

    [Fact]
    public void What_is_too_large_is_refused_with_the_numbers_before_anything_is_written()
    {
        using var bench = new HarvestBench();
        var budget = Assert.Throws<OptionsException>(() => bench.Harvest("b", bench.Options with { Budget = 50_000 }));
        Assert.Contains("391 rows of 128 B need about 132 kB", budget.Message, StringComparison.Ordinal);
        Assert.Contains("50.0 kB are allowed", budget.Message, StringComparison.Ordinal);
        var disk = Assert.Throws<OptionsException>(() => bench.Harvest("d", bench.Options with { KeepFree = long.MaxValue / 2 }));
        Assert.Contains("stay free", disk.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(bench["b"]));
        Assert.Empty(Directory.EnumerateFiles(bench["d"]));
        // A refusal costs nothing that was there.
        bench.Harvest("h");
        Assert.Throws<OptionsException>(() => bench.Harvest("h", bench.Options with { Budget = 50_000 }, ExistingHarvest.Replace));
        Assert.True(HarvestIndex.Read(bench["h"]).Finished);
    }

    [Fact]
    public void Numbers_that_are_not_finite_stop_it_and_name_place_and_example()
    {
        using var bench = new HarvestBench(change: pixels =>
        {
            pixels.narrow(0, 13, 1).fill_(float.NaN);
            return pixels;
        });
        var error = Assert.Throws<OptionsException>(() => bench.Harvest("h"));
        Assert.Contains("blocks.0.hook_resid_post", error.Message, StringComparison.Ordinal);
        Assert.Contains("row 13 of", error.Message, StringComparison.Ordinal);
        // Two whole files came before it, and they stay.
        Assert.Equal(2, HarvestIndex.Read(bench["h"]).Shards.Count);
        Assert.Contains("not finished", Assert.Throws<CheckpointException>(() => ShardSource.Open(bench["h"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_beyond_float16_are_refused_with_advice()
    {
        using var bench = new HarvestBench(change: pixels => pixels * 1e7);
        var options = bench.Options with { Sites = [Site.Embed.Only], Dtype = ScalarType.Float16 };
        Assert.Contains("65,504", Assert.Throws<OptionsException>(() => bench.Harvest("h", options)).Message, StringComparison.Ordinal);
        Assert.True(bench.Harvest("h", options with { Dtype = ScalarType.BFloat16 }, ExistingHarvest.Replace).Finished);
    }

    [Fact]
    public void Bad_options_are_listed_together()
    {
        using var bench = new HarvestBench();
        var error = Assert.Throws<OptionsException>(() => bench.Harvest("h", bench.Options with { Sites = [], RowsPerShard = 0, Batch = 0, Dtype = ScalarType.Int32, Budget = 0 }));
        foreach (var word in new[] { "place", "RowsPerShard", "Batch", "Int32", "Budget" }) Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    private static Tensor Stored(string path, string name)
    {
        using var file = TensorSource.Open(path);
        return file.Get(name).ToTensor();
    }
}
