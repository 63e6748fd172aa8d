using System.Formats.Tar;
using System.Text.Json;
using Prisma.Core;
using Prisma.Demo;

namespace Prisma.Tests.Cli;

/// <summary>The verbs that take pictures see the same in class folders, tar archives and Parquet tables as in files.</summary>
public sealed class PictureSourceVerbTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string[] _files;

    public PictureSourceVerbTests() => _files = [.. SceneSplit.HeldOut.Scenes(2).Select((scene, k) =>
    {
        new RgbImage(Scene.Width, Scene.Width, ScenePainter.Paint(scene, Scene.Width)).Save(_folder[$"{k}.png"]);
        return _folder[$"{k}.png"];
    })];

    [Theory]
    [InlineData("folders")]
    [InlineData("archive")]
    [InlineData("table")]
    public void Each_verb_sees_what_it_sees_in_files(string kind)
    {
        var packed = Packed(kind);
        foreach (var verb in new string[][]
        {
            ["classify", "--model", DemoWeights.Vit],
            ["features", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image"],
            ["sae", "eval", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image"],
            ["circuit", "heads", "--model", DemoWeights.Vit, "--image"],
            ["circuit", "patch", "--model", DemoWeights.Vit, "--axes", "layers", "--corrupt-by", "blur", "--image"],
            ["circuit", "lens", "--model", DemoWeights.Vit, "--image"],
        })
            Assert.Equal(Numbers([.. verb, .. _files, "--json"]), Numbers([.. verb, packed, "--json"]));
    }

    [Theory]
    [InlineData("folders")]
    [InlineData("archive")]
    [InlineData("table")]
    public void Heatmaps_of_them_are_the_same_bytes(string kind)
    {
        byte[][] Maps(string name, params string[] images)
        {
            var (code, errors, _) = VerbRun.Of(["attribute", "--model", DemoWeights.Vit, "--method", "attention", "--out", _folder[name], "--image", .. images]);
            Assert.True(code == 0, errors);
            return [.. Directory.GetFiles(_folder[name], "*attention*.png").Order().Select(File.ReadAllBytes)];
        }
        var (plain, packed) = (Maps("plain", _files), Maps("packed", Packed(kind)));
        Assert.Equal(2, plain.Length);
        Assert.Equal(plain, packed);
    }

    [Fact]
    public void A_table_without_pictures_is_refused_in_a_sentence()
    {
        File.WriteAllText(_folder["no.parquet"], "PAR1 and then nothing of a table");
        foreach (var verb in new string[][] { ["classify", "--model", DemoWeights.Vit], ["sae", "eval", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image"] })
        {
            var (code, errors, output) = VerbRun.Of([.. verb, _folder["no.parquet"]]);
            Assert.Equal((2, ""), (code, output));
            Assert.Contains("Parquet table", errors, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _folder.Dispose();

    private string Packed(string kind)
    {
        switch (kind)
        {
            case "folders":
                foreach (var (file, k) in _files.Select((file, k) => (file, k)))
                {
                    Directory.CreateDirectory(_folder[$"set/class{k}"]);
                    File.Copy(file, _folder[$"set/class{k}/{k}.png"]);
                }
                return _folder["set"];
            case "archive":
                using (var tar = new TarWriter(File.Create(_folder["set.tar"])))
                    foreach (var (file, k) in _files.Select((file, k) => (file, k))) tar.WriteEntry(file, $"{k}.png");
                return _folder["set.tar"];
            default:
                return PictureTable.Write(_folder["set.parquet"], [.. _files.Select(File.ReadAllBytes)]);
        }
    }

    // Every number of the answer, in order; names and times differ.
    private static List<string> Numbers(string[] args)
    {
        var (code, errors, output) = VerbRun.Of(args);
        Assert.True(code == 0, errors);
        var found = new List<string>();
        using var json = JsonDocument.Parse(output);
        Collect(json.RootElement, "");
        Assert.True(found.Count > 4, output);
        return found;

        void Collect(JsonElement value, string name)
        {
            if (name.Contains("second", StringComparison.Ordinal)) return;
            if (value.ValueKind == JsonValueKind.Number) found.Add($"{name} {value.GetRawText()}");
            if (value.ValueKind == JsonValueKind.Array) foreach (var item in value.EnumerateArray()) Collect(item, name);
            if (value.ValueKind == JsonValueKind.Object) foreach (var item in value.EnumerateObject()) Collect(item.Value, item.Name);
        }
    }
}
