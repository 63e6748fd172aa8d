using System.Text.Json;
using Prisma.Cli;
using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs <c>sae eval</c> and <c>sae features</c> on the demo's own weights.</summary>
public sealed class SaeEvalTests : IDisposable
{
    private static readonly string s_sae = Path.Combine(Fixture.Root, "weights/demo/sae"), s_vit = Path.Combine(Fixture.Root, "weights/demo/vit");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Drawn_scenes_give_every_number_and_a_page()
    {
        var (code, errors, output) = Run("sae", "eval", "--sae", s_sae, "--scenes", "60", "--json", "--out", _folder["out"]);
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        // What the coder's file states was measured on 1000 scenes.
        Assert.Equal(.9386, Metric(root, "all", MetricName.Global), .01);
        Assert.Equal(16, Metric(root, "spatial", MetricName.L0), 1e-9);
        Assert.Equal(MetricDefinition.All.Count * 3, root.GetProperty("metrics").GetArrayLength());
        var loss = root.GetProperty("losses").EnumerateArray().First(row => row.GetProperty("loss").GetString() == "cross_entropy");
        Assert.InRange(loss.GetProperty("recovered").GetDouble(), .97, 1.01);
        Assert.Equal(60, loss.GetProperty("items").GetInt32());
        var scenes = root.GetProperty("scenes");
        Assert.True(scenes.GetProperty("coverage").GetDouble() > 2 * scenes.GetProperty("coverage_chance").GetDouble());
        Assert.InRange(scenes.GetProperty("reconstruction").GetDouble(), .4, 1);
        Assert.Equal(1024, root.GetProperty("usage").GetProperty("histogram").GetProperty("counts").EnumerateArray().Sum(count => count.GetInt32()));
        var page = File.ReadAllText(Path.Combine(_folder["out"], "report.html"));
        foreach (var word in new[] { "<svg", "ev.global", "share of vectors on which a feature fires", "What the model loses", "white outline" }) Assert.Contains(word, page, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        using var saved = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "evaluation.json")));
        Assert.Equal(root.GetRawText(), saved.RootElement.GetRawText());
        Assert.Equal(2, Run("sae", "eval", "--sae", s_sae, "--scenes", "60", "--out", _folder["out"]).Code);
    }

    [Fact]
    public void Stored_activations_are_enough()
    {
        using var scope = NewDisposeScope();
        using var coder = Coders.Load(s_sae);
        var x = randn(300, 128) * 3;
        Safetensors.Write(_folder["x.safetensors"], [("x", x.view(3, 100, 128)), ("directions", coder.Directions.narrow(0, 0, 10))]);
        var (code, errors, output) = Run("sae", "eval", "--sae", s_sae, "--tensors", _folder["x.safetensors"], "--directions", _folder["x.safetensors"], "--compare", s_sae, "--json");
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        var measurement = new CoderMeasurement(coder);
        measurement.Add(x);
        Assert.Equal(measurement.Report()["all"][MetricName.Global], Metric(json.RootElement, "all", MetricName.Global), 1e-6);
        Assert.Equal(1, json.RootElement.GetProperty("decoder_mmcs").GetDouble(), 1e-6);
        Assert.Equal(1, json.RootElement.GetProperty("known_directions").GetProperty("mean_max_cosine").GetDouble(), 1e-6);
        Assert.Empty(json.RootElement.GetProperty("losses").EnumerateArray());
    }

    [Fact]
    public void Harvested_activations_give_what_the_model_gives()
    {
        _ = Pictures(24);
        Assert.Equal(0, Run("sae", "harvest", "--model", s_vit, "--image", _folder["pictures"], "--hook", "blocks.4.hook_resid_post", "--out", _folder["harvest"]).Code);
        var (code, errors, output) = Run("sae", "eval", "--sae", s_sae, "--data", _folder["harvest"], "--json");
        Assert.True(code == 0, errors);
        var (_, _, direct) = Run("sae", "eval", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--json");
        using var stored = JsonDocument.Parse(output);
        using var live = JsonDocument.Parse(direct);
        foreach (var name in new[] { MetricName.Global, MetricName.L1, MetricName.Cosine })
            Assert.Equal(Metric(live.RootElement, "all", name), Metric(stored.RootElement, "all", name), 1e-4);
        Assert.Equal(24 * 65, stored.RootElement.GetProperty("usage").GetProperty("n_tokens").GetInt64());
        Assert.Equal(0, Run("sae", "harvest", "--model", s_vit, "--image", _folder["pictures"], "--hook", "blocks.3.hook_resid_post", "--out", _folder["elsewhere"]).Code);
        (code, errors, _) = Run("sae", "eval", "--sae", s_sae, "--data", _folder["elsewhere"]);
        Assert.Equal(2, code);
        Assert.Contains("blocks.3.hook_resid_post", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_with_labels_give_the_loss_and_the_catalogue_its_file()
    {
        var labels = Pictures(24);
        var (code, errors, output) = Run("sae", "eval", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--labels", labels, "--batch", "10", "--json");
        Assert.True(code == 0, errors);
        using (var json = JsonDocument.Parse(output))
        {
            var loss = json.RootElement.GetProperty("losses").EnumerateArray().First(row => row.GetProperty("loss").GetString() == "cross_entropy");
            Assert.Equal(24, loss.GetProperty("items").GetInt32());
            Assert.InRange(loss.GetProperty("recovered").GetDouble(), .9, 1.05);
            Assert.Equal(1024, json.RootElement.GetProperty("monosemanticity").GetProperty("features").GetArrayLength());
        }
        File.AppendAllText(labels, "x.png,hexagon\n");
        File.WriteAllText(_folder["wrong.csv"], string.Join('\n', Enumerable.Range(0, 24).Select(k => $"{k:d2}.png,hexagon")));
        (code, errors, _) = Run("sae", "eval", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--labels", _folder["wrong.csv"]);
        Assert.Equal(2, code);
        Assert.Contains("hexagon", errors, StringComparison.Ordinal);

        (code, errors, output) = Run("sae", "features", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--out", _folder["catalogue"], "--examples", "3", "--show", "2", "--json");
        Assert.True(code == 0, errors);
        using var features = JsonDocument.Parse(output);
        Assert.Equal(2, features.RootElement.GetProperty("features").GetArrayLength());
        Assert.Equal(24, features.RootElement.GetProperty("pictures").GetInt32());
        Assert.Equal(["features.html", "features.sqlite"], Directory.GetFiles(_folder["catalogue"]).Select(Path.GetFileName).Order());
        Assert.Equal(2, Run("sae", "features", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--out", _folder["catalogue"]).Code);
        Assert.Equal(2, Run("sae", "features", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--out", _folder["other"], "--feature", "5000").Code);
    }

    [Theory]
    [InlineData("one of --image")]
    [InlineData("one of --image", "--scenes", "60", "--tensors", "x.safetensors")]
    [InlineData("at least 20", "--scenes", "5")]
    [InlineData("dense", "--scenes", "60", "--dense", "3")]
    [InlineData("--model", "--image", "x.png")]
    [InlineData("x.safetensors", "--tensors", "x.safetensors")]
    public void Bad_input_is_answered_in_one_sentence(string says, params string[] options)
    {
        if (options.Contains("x.png")) options = [.. options.Select(option => option == "x.png" ? Fixture.Path("imaging/rgb.png") : option)];
        var (code, errors, output) = Run(["sae", "eval", "--sae", s_sae, .. options]);
        Assert.Equal(2, code);
        Assert.Contains(says, errors, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    private string Pictures(int count)
    {
        Directory.CreateDirectory(_folder["pictures"]);
        var lines = new List<string>();
        foreach (var scene in SceneSplit.HeldOut.Scenes(count))
        {
            var name = $"{lines.Count:d2}.png";
            new RgbImage(Scene.Width, Scene.Width, ScenePainter.Paint(scene, Scene.Width)).Save(_folder[$"pictures/{name}"], ExistingFile.Replace);
            lines.Add($"{name},{scene.Label}");
        }
        File.WriteAllLines(_folder["labels.csv"], lines);
        return _folder["labels.csv"];
    }

    private static double Metric(JsonElement root, string tokens, string name) => root.GetProperty("metrics").EnumerateArray()
        .Single(row => row.GetProperty("metric").GetString() == name && row.GetProperty("token_set").GetString() == tokens).GetProperty("value").GetDouble();

    private static (int Code, string Errors, string Output) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        return (CommandLine.Run(args, output, errors), errors.ToString(), output.ToString());
    }
}
