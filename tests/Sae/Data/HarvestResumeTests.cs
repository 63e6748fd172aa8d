using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Tests.Sae;

/// <summary>Stopping, going on, and what is refused.</summary>
public sealed class HarvestResumeTests
{
    [Fact]
    public void Stopped_after_any_file_it_goes_on_and_ends_with_the_same_bytes()
    {
        using var bench = new HarvestBench();
        bench.Harvest("whole");
        for (var files = 0; files < 5; files++)
        {
            var folder = bench[$"stopped-{files}"];
            Assert.Throws<OperationCanceledException>(() => RunUntil(bench, folder, files));
            Assert.Equal(files, HarvestIndex.Read(folder).Shards.Count);
            // What a kill between the two renames, or within a write, leaves behind.
            File.WriteAllText(Path.Combine(folder, $"shard-{files:d5}.safetensors"), "half");
            File.WriteAllText(Path.Combine(folder, $".shard-{files:d5}.safetensors.99-1.tmp"), "half");
            File.WriteAllText(Path.Combine(folder, ".index.json.99-2.tmp"), "half");
            Harvest.Run(bench.Model, bench.Inputs, bench.Options, folder);
            AssertSame(bench["whole"], folder);
        }
    }

    [Fact]
    public void A_finished_harvest_is_left_as_it_is()
    {
        using var bench = new HarvestBench();
        var first = bench.Harvest("h");
        var written = File.GetLastWriteTimeUtc(bench["h/shard-00000.safetensors"]);
        Assert.Equal(first.Digest, bench.Harvest("h").Digest);
        Assert.Equal(written, File.GetLastWriteTimeUtc(bench["h/shard-00000.safetensors"]));
    }

    [Fact]
    public void Other_settings_are_refused_and_named_and_force_starts_anew()
    {
        using var bench = new HarvestBench();
        bench.Harvest("h");
        var changed = bench.Options with { Tokens = TokenFilter.Cls, Seed = 4 };
        var error = Assert.Throws<OptionsException>(() => bench.Harvest("h", changed));
        Assert.Contains("tokens is \"All\" there and \"Cls\" now", error.Message, StringComparison.Ordinal);
        Assert.Contains("seed is none there and 4 now", error.Message, StringComparison.Ordinal);
        Assert.Equal(23, bench.Harvest("h", changed, ExistingHarvest.Replace).Rows);

        using var otherWeights = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny(seed: 1);
        Assert.Contains("weights is", Assert.Throws<OptionsException>(() => Harvest.Run(otherWeights, bench.Inputs, changed, bench["h"])).Message, StringComparison.Ordinal);
        using var otherInputs = new HarvestBench(change: pixels => pixels * 2);
        Assert.Contains("inputs is", Assert.Throws<OptionsException>(() => Harvest.Run(bench.Model, otherInputs.Inputs, changed, bench["h"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_without_an_index_and_a_second_run_at_once_are_refused()
    {
        using var bench = new HarvestBench();
        Directory.CreateDirectory(bench["stray"]);
        File.WriteAllText(bench["stray/shard-00000.safetensors"], "somebody's");
        Assert.Contains("without an index", Assert.Throws<PrismaException>(() => bench.Harvest("stray")).Message, StringComparison.Ordinal);
        Assert.Equal("somebody's", File.ReadAllText(bench["stray/shard-00000.safetensors"]));

        var during = new Told(now => Assert.Contains("another run", Assert.Throws<PrismaException>(() => bench.Harvest("twice")).Message, StringComparison.Ordinal));
        Harvest.Run(bench.Model, bench.Inputs, bench.Options, bench["twice"], progress: during);
        Assert.True(during.Times > 1);
    }

    [Theory]
    [InlineData("\"rows\":85", "\"rows\":84", "changed after it was written")]
    [InlineData("\"finished\":true", "\"finished\":false", "changed after it was written")]
    [InlineData("\"version\":1", "\"version\":2", "version 2")]
    [InlineData("\"tokens\":\"All\"", "\"tokens\":\"Some\"", "no index")]
    [InlineData("{\"format\"", "{\"surprise\":1,\"format\"", "no index")]
    public void A_changed_index_is_noticed(string from, string to, string says)
    {
        using var bench = new HarvestBench();
        bench.Harvest("h");
        var path = bench["h/index.json"];
        var text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => ShardSource.Open(bench["h"])).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => bench.Harvest("h"));
    }

    internal static void AssertSame(string expected, string folder)
    {
        var (want, got) = (Files(expected), Files(folder));
        Assert.Equal(want, got);
        foreach (var name in want) Assert.True(File.ReadAllBytes(Path.Combine(expected, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder, name))), $"{name} differs");

        static List<string> Files(string of) => [.. Directory.EnumerateFiles(of).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
    }

    private static void RunUntil(HarvestBench bench, string folder, int files)
    {
        using var stop = new CancellationTokenSource();
        Harvest.Run(bench.Model, bench.Inputs, bench.Options, folder, stop: stop.Token, progress: new Told(now =>
        {
            if (now.Shards == files) stop.Cancel();
        }));
    }

    private sealed class Told(Action<HarvestProgress> tell) : IProgress<HarvestProgress>
    {
        internal int Times { get; private set; }

        public void Report(HarvestProgress value)
        {
            Times++;
            tell(value);
        }
    }
}
