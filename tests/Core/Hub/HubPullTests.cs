using System.Text;
using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>What lies in the cache after a download: Python's layout, link by link and checksum by checksum.</summary>
public sealed class HubPullTests : IDisposable
{
    private static readonly HubId s_id = HubId.Parse("org/model");

    private readonly TempFolder _cache = new();
    private readonly FakeHub _hub = new();
    private readonly byte[] _weights = new byte[300_000];

    public HubPullTests()
    {
        for (var k = 0; k < _weights.Length; k++) _weights[k] = (byte)(k * 31 + k / 257);
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors"] = _weights;
        _hub.Files["tf_model.h5"] = [1, 2, 3];
        _hub.Files["a b/notes é.txt"] = "hello"u8.ToArray();
        _hub.Large.Add("model.safetensors");
    }

    [Fact]
    public async Task The_cache_has_blobs_links_and_refs()
    {
        var folder = await Pull(HubSelection.Model);
        var repository = Path.Combine(_cache.Path, "models--org--model");
        Assert.Equal(Path.Combine(repository, "snapshots", FakeHub.Commit), folder);
        Assert.Equal(FakeHub.Commit, await File.ReadAllTextAsync(Path.Combine(repository, "refs", "main")));
        var link = new FileInfo(Path.Combine(folder, "model.safetensors")).LinkTarget;
        Assert.Equal(Path.Combine("..", "..", "blobs", FakeHub.Etag(_weights, large: true)), link);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(repository, "blobs")), file => file.EndsWith(".incomplete", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(_cache.Path, ".locks", "models--org--model", FakeHub.Etag(_weights, large: true) + ".lock")));
    }

    [Fact]
    public async Task Names_with_folders_and_signs_arrive_under_their_names()
    {
        var folder = await Pull(HubSelection.Matching("a b"));
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(folder, "a b", "notes é.txt")));
        Assert.Equal(Path.Combine("..", "..", "..", "blobs", FakeHub.Etag("hello"u8.ToArray(), large: false)), new FileInfo(Path.Combine(folder, "a b", "notes é.txt")).LinkTarget);
    }

    [Fact]
    public async Task What_is_there_is_not_fetched_again()
    {
        await Pull(HubSelection.Model);
        var before = _hub.Asked.Count;
        await Pull(HubSelection.Model);
        Assert.Equal(1, _hub.Asked.Count - before);  // the list of files
        using var client = new HubClient(_hub.Options(_cache.Path));
        Assert.NotNull(client.Cache.Find(s_id, "main", "model.safetensors"));
        Assert.Null(client.Cache.Find(s_id, "main", "tf_model.h5"));
        Assert.Null(client.Cache.Find(s_id, "main", "../../refs/main"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_broken_connection_goes_on_where_it_stopped(bool large)
    {
        if (!large) _hub.Large.Clear();
        _hub.BreakAfter("model.safetensors", 200_000);
        var folder = await Pull(HubSelection.Matching("model.safetensors"));
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        Assert.Contains(_hub.Asked, asked => asked.Range is { } range && range != "bytes=0-");
    }

    [Fact]
    public async Task Another_process_takes_up_what_was_left()
    {
        var blobs = Directory.CreateDirectory(Path.Combine(_cache.Path, "models--org--model", "blobs")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(blobs, FakeHub.Etag(_weights, large: true) + ".incomplete"), _weights[..123_456]);
        var folder = await Pull(HubSelection.Model);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        Assert.Contains(_hub.Asked, asked => asked.Range == "bytes=123456-");
    }

    [Fact]
    public async Task A_damaged_beginning_is_thrown_away_and_fetched_anew()
    {
        var blobs = Directory.CreateDirectory(Path.Combine(_cache.Path, "models--org--model", "blobs")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(blobs, FakeHub.Etag(_weights, large: true) + ".incomplete"), new byte[1000]);
        var folder = await Pull(HubSelection.Model);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_all_of_it_again()
    {
        var blobs = Directory.CreateDirectory(Path.Combine(_cache.Path, "models--org--model", "blobs")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(blobs, FakeHub.Etag(_weights, large: true) + ".incomplete"), _weights[..5000]);
        _hub.Once("/lfs/", context =>
        {
            context.Response.ContentLength64 = _weights.Length;
            context.Response.OutputStream.Write(_weights);
            context.Response.Close();
            return true;
        });
        var folder = await Pull(HubSelection.Model);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public async Task An_index_brings_its_shards()
    {
        _hub.Files.Remove("model.safetensors");
        _hub.Files["model.safetensors.index.json"] = """{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"""u8.ToArray();
        _hub.Files["model-1.safetensors"] = [1];
        _hub.Files["model-2.safetensors"] = [2, 2];
        _hub.Files["model-3.safetensors"] = [3, 3, 3];
        var folder = await Pull(HubSelection.Model);
        Assert.Equal(["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_pipeline_brings_the_weights_of_its_parts()
    {
        foreach (var file in new[] { "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/vocab.json", "other/deep/model.safetensors", "sd.safetensors" })
            _hub.Files[file] = Encoding.UTF8.GetBytes(file);
        foreach (var other in new[] { "model.safetensors", "a b/notes é.txt" }) _hub.Files.Remove(other);
        var folder = await Pull(HubSelection.Model);
        var found = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal);
        Assert.Equal(["config.json", "model_index.json", "text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/vocab.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"], found);
        Assert.True(ModelFiles.IsWhole(folder));
    }

    [Fact]
    public async Task Progress_ends_at_all_of_it()
    {
        var reports = new List<HubProgress>();
        await Pull(HubSelection.Model, new Kept<HubProgress>(reports));
        var last = reports[^1];
        Assert.Equal((2, 2, _weights.Length + 2L, _weights.Length + 2L), (last.FilesDone, last.Files, last.Bytes, last.TotalBytes));
        Assert.Equal(TimeSpan.Zero, last.Remaining);
    }

    [Fact]
    public async Task A_commit_can_be_asked_for_and_makes_no_ref()
    {
        using var client = new HubClient(_hub.Options(_cache.Path));
        var folder = await client.PullAsync(s_id, HubSelection.Settings, FakeHub.Commit);
        Assert.False(Directory.Exists(Path.Combine(client.Cache.FolderOf(s_id), "refs")));
        Assert.Equal(folder, client.Cache.Snapshot(s_id, FakeHub.Commit));
    }

    [Fact]
    public async Task Two_at_once_fetch_a_content_once()
    {
        var both = await Task.WhenAll(Pull(HubSelection.Model), Pull(HubSelection.Model));
        Assert.Equal(both[0], both[1]);
        Assert.Single(_hub.Asked, asked => asked.Path.StartsWith("/lfs/", StringComparison.Ordinal));
    }

    public void Dispose()
    {
        _hub.Dispose();
        _cache.Dispose();
    }

    private async Task<string> Pull(HubSelection wanted, IProgress<HubProgress>? progress = null)
    {
        using var client = new HubClient(_hub.Options(_cache.Path));
        return await client.PullAsync(s_id, wanted, progress: progress);
    }

    private sealed class Kept<T>(List<T> into) : IProgress<T>
    {
        public void Report(T value)
        {
            lock (into) into.Add(value);
        }
    }
}
