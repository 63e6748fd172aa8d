using System.Diagnostics;
using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>What goes wrong between us and the hub: waited for, tried again, or said in a sentence; a token stays where it belongs.</summary>
public sealed class HubFaultTests : IDisposable
{
    private static readonly HubId s_id = HubId.Parse("org/model");

    private readonly TempFolder _cache = new();
    private readonly FakeHub _hub = new();
    private readonly byte[] _weights = [.. Enumerable.Range(0, 100_000).Select(k => (byte)(k % 251))];

    public HubFaultTests()
    {
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors"] = _weights;
        _hub.Large.Add("model.safetensors");
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(408)]
    [InlineData(429)]
    public async Task A_passing_fault_is_tried_again(int status)
    {
        foreach (var place in new[] { "/api/", "config.json", "/lfs/" }) _hub.Once(place, status);
        Assert.True(ModelFiles.IsWhole(await Pull()));
    }

    [Fact]
    public async Task It_waits_as_long_as_the_hub_asks()
    {
        _hub.Once("/api/", 429, ("Retry-After", "1"));
        var watch = Stopwatch.StartNew();
        await Pull();
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(0.9), $"{watch.Elapsed}");
    }

    [Fact]
    public async Task It_does_not_wait_for_hours()
    {
        _hub.Once("/api/", 429, ("Retry-After", "7200"));
        await Refused("asks to wait 2:00:00");
    }

    [Fact]
    public async Task It_gives_up_in_the_end()
    {
        for (var k = 0; k < 5; k++) _hub.Once("/api/", 503);
        await Refused("answered 503");
        Assert.Equal(5, _hub.Asked.Count);
    }

    [Fact]
    public async Task Progress_is_no_failure()
    {
        for (var k = 1; k <= 8; k++) _hub.BreakAfter("model.safetensors", 10_000);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(Path.Combine(await Pull(), "model.safetensors")));
    }

    [Theory]
    [InlineData(401, "", "set HF_TOKEN")]
    [InlineData(403, "GatedRepo", "accept its terms")]
    [InlineData(403, "", "does not allow")]
    [InlineData(404, "RepoNotFound", "There is no org/model")]
    [InlineData(404, "RevisionNotFound", "no such revision")]
    [InlineData(418, "", "answered 418")]
    public async Task A_refusal_says_what_to_do(int status, string code, string sentence)
    {
        _hub.Once("/api/", status, ("X-Error-Code", code));
        await Refused(sentence);
        Assert.Single(_hub.Asked);
    }

    [Fact]
    public async Task Wrong_content_is_refused_and_not_kept()
    {
        _hub.Claim("model.safetensors", FakeHub.Etag([1], large: true));
        await Refused("has the checksum");
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(_cache.Path, "models--org--model", "blobs")), file => new FileInfo(file).Length > 2);
    }

    [Fact]
    public async Task Wrong_content_of_a_small_file_is_refused_too()
    {
        _hub.Claim("config.json", FakeHub.Etag("other"u8.ToArray(), large: false));
        await Refused("has the checksum");
    }

    [Fact]
    public async Task More_than_was_announced_is_refused()
    {
        _hub.Once("/lfs/", context =>
        {
            context.Response.SendChunked = true;
            context.Response.OutputStream.Write(new byte[_weights.Length + 50_000]);
            context.Response.Close();
            return true;
        });
        await Refused("more arrives");
    }

    [Fact]
    public async Task A_change_on_the_hub_meanwhile_is_noticed()
    {
        _hub.Once("model.safetensors", context =>
        {
            if (context.Request.HttpMethod == "HEAD") return false;
            context.Response.StatusCode = 302;
            context.Response.Headers["X-Linked-Etag"] = $"\"{FakeHub.Etag([7], large: true)}\"";
            context.Response.Headers["Location"] = $"{_hub.Storage}lfs/model.safetensors";
            context.Response.Close();
            return true;
        });
        await Refused("was changed on the hub");
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_alone()
    {
        await Pull(_hub.Options(_cache.Path) with { Token = "hf_secret" });
        Assert.Contains(_hub.Asked, asked => asked.Path.StartsWith("/lfs/", StringComparison.Ordinal));
        foreach (var (_, path, token, _) in _hub.Asked)
            Assert.Equal(path.StartsWith("/lfs/", StringComparison.Ordinal) ? null : "Bearer hf_secret", token);
    }

    [Fact]
    public async Task A_way_back_to_the_hub_does_not_get_the_token_again()
    {
        _hub.Once("/lfs/", 302, ("Location", $"{_hub.Address}org/model/resolve/{FakeHub.Commit}/again"));
        _hub.Once("/again", context =>
        {
            Assert.Null(context.Request.Headers["Authorization"]);
            context.Response.OutputStream.Write(_weights);
            context.Response.Close();
            return true;
        });
        await Pull(_hub.Options(_cache.Path) with { Token = "hf_secret" });
        Assert.Null(_hub.Asked.Single(asked => asked.Path.EndsWith("/again", StringComparison.Ordinal)).Token);
    }

    [Fact]
    public async Task A_renamed_repository_is_followed()
    {
        _hub.Once("/api/", 307, ("Location", "/api/models/org/model/revision/main"));
        using var client = new HubClient(_hub.Options(_cache.Path));
        var listed = await client.ListAsync(HubId.Parse("old/name"));
        Assert.Equal(FakeHub.Commit, listed.Commit);
    }

    [Fact]
    public async Task Running_in_circles_ends()
    {
        for (var k = 0; k < 12; k++) _hub.Once("/api/", 307, ("Location", "/api/models/org/model/revision/main"));
        await Refused("from one address to the next");
    }

    [Theory]
    [InlineData("../../../evil.json")]
    [InlineData("/etc/evil.json")]
    [InlineData("a/../../evil.json")]
    [InlineData("a\\..\\evil.json")]
    [InlineData("a//evil.json")]
    public async Task A_name_that_leads_out_of_the_folder_is_refused(string name)
    {
        _hub.Files[name] = [1];
        using var client = new HubClient(_hub.Options(_cache.Path));
        var error = await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_id, HubSelection.Matching()));
        Assert.Contains("not lie in its own folder", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_cache.Path, "models--org--model")));
    }

    [Fact]
    public async Task A_checksum_that_is_a_path_is_refused()
    {
        _hub.Claim("config.json", "../../../evil");
        await Refused("tells neither checksum nor length");
    }

    [Fact]
    public async Task A_shard_elsewhere_is_refused()
    {
        _hub.Files.Remove("model.safetensors");
        _hub.Files["model.safetensors.index.json"] = """{"weight_map": {"a": "../model-1.safetensors"}}"""u8.ToArray();
        await Refused("shards lie beside their index");
    }

    [Fact]
    public async Task Offline_nothing_is_asked()
    {
        var error = await Assert.ThrowsAsync<HubException>(() => Pull(_hub.Options(_cache.Path) with { Offline = true }));
        Assert.Contains("HF_HUB_OFFLINE", error.Message, StringComparison.Ordinal);
        Assert.Contains("prisma pull org/model", error.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Asked);
    }

    [Fact]
    public async Task A_hub_that_is_not_there_is_named()
    {
        var options = _hub.Options(_cache.Path) with { Endpoint = new Uri("http://127.0.0.1:1"), Attempts = 2 };
        var error = await Assert.ThrowsAsync<HubException>(() => Pull(options));
        Assert.Contains("cannot be reached", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_else_than_a_hub_is_noticed()
    {
        _hub.Once("/api/", context =>
        {
            context.Response.OutputStream.Write("<html>"u8);
            context.Response.Close();
            return true;
        });
        await Refused("does not answer like a hub");
    }

    [Fact]
    public async Task Silence_ends_and_is_tried_again()
    {
        _hub.Once("/lfs/", context =>
        {
            context.Response.ContentLength64 = _weights.Length;
            context.Response.OutputStream.Write(_weights, 0, 1000);
            context.Response.OutputStream.Flush();
            return true;  // and no further word
        });
        Assert.True(ModelFiles.IsWhole(await Pull(_hub.Options(_cache.Path) with { Patience = TimeSpan.FromSeconds(0.5) })));
    }

    [Fact]
    public async Task A_stop_keeps_what_arrived()
    {
        using var stop = new CancellationTokenSource();
        _hub.Once("/lfs/", context =>
        {
            context.Response.ContentLength64 = _weights.Length;
            context.Response.OutputStream.Write(_weights, 0, 60_000);
            context.Response.OutputStream.Flush();
            stop.CancelAfter(200);
            return true;
        });
        using var client = new HubClient(_hub.Options(_cache.Path));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PullAsync(s_id, HubSelection.Model, stop: stop.Token));
        Assert.False(File.Exists(Path.Combine(client.Cache.FolderOf(s_id), "refs", "main")));
        await Pull();
        Assert.Contains(_hub.Asked, asked => asked.Range == "bytes=60000-");
    }

    public void Dispose()
    {
        _hub.Dispose();
        _cache.Dispose();
    }

    private Task<string> Pull() => Pull(_hub.Options(_cache.Path));

    private static async Task<string> Pull(HubOptions options)
    {
        using var client = new HubClient(options);
        return await client.PullAsync(s_id, HubSelection.Model);
    }

    private async Task Refused(string sentence)
    {
        var error = await Assert.ThrowsAsync<HubException>(Pull);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }
}
