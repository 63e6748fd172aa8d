using Prisma.Core;

namespace Prisma.Tests;

/// <summary>Which of a folder's configurations is taken.</summary>
public sealed class ModelFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public void A_family_that_is_named_takes_its_own_configuration()
    {
        foreach (var (from, files) in new[] { ("hf_clip_gelu", new[] { "config.json", "model.safetensors" }), ("open_clip_gelu", ["open_clip_config.json"]) })
            foreach (var file in files) File.Copy(Fixture.Path($"models/{from}/{file}"), _folder[file]);
        var weights = Directory.GetFiles(Fixture.Path("models/open_clip_gelu"), "open_clip*").Single(file => !file.EndsWith(".json", StringComparison.Ordinal));
        File.Copy(weights, _folder[Path.GetFileName(weights)]);
        using var plain = Prisma.Models.Load(_folder.Path);
        using var named = Prisma.Models.Load(_folder.Path, "open_clip");
        Assert.Equal(("clip", "open_clip"), (plain.Card.Family, named.Card.Family));
    }

    [Fact]
    public void A_snapshot_is_called_like_its_repository()
    {
        var snapshot = Directory.CreateDirectory(_folder["models--org--my-model/snapshots/0123abcd"]).FullName;
        File.WriteAllText(Path.Combine(snapshot, "config.json"), "{}");
        Assert.Equal("org/my-model", ModelFolder.Open(snapshot).Name);
    }

    public void Dispose() => _folder.Dispose();
}
