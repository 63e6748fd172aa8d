using System.Text.Json;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs on circuits, on the demo's model; what they print is checked for form and consistency, not for numbers of one training.</summary>
public sealed class CircuitVerbTests : IDisposable
{
    private static readonly string s_model = Path.Combine(Fixture.Root, "weights", "demo", "vit");
    private readonly TempFolder _folder = new();
    private readonly string _clean, _corrupt;

    public CircuitVerbTests()
    {
        (_clean, _corrupt) = (Picture("clean.png", 3), Picture("corrupt.png", 4));
    }

    [Theory]
    [InlineData("hook_resid_pre", "layers")]
    [InlineData("attn.hook_z", "heads")]
    [InlineData("attn.hook_pattern", "heads")]
    public void Patching_prints_a_table_and_draws_it(string site, string axes)
    {
        var json = Json("circuit", "patch", "--site", site, "--axes", axes, "--layers", "4", "5", "--image", _clean, "--corrupt", _corrupt, "--out", _folder["out"]);
        Assert.Equal(["L4", "L5"], json.GetProperty("rows").EnumerateArray().Select(row => row.GetString()));
        Assert.Equal(2, json.GetProperty("values").GetArrayLength());
        if (axes == "layers") foreach (var row in json.GetProperty("values").EnumerateArray()) Assert.Equal(1, row[0].GetDouble(), 1e-3);
        foreach (var file in new[] { "report.html", "patching.svg", "patching.png" }) Assert.True(new FileInfo(Path.Combine(_folder["out"], file)).Length > 500, file);
        Assert.DoesNotContain("http", File.ReadAllText(Path.Combine(_folder["out"], "report.html")).Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Estimates_ablations_and_paths_run()
    {
        var estimate = Json("circuit", "patch", "--site", "attn.hook_q", "--axes", "heads", "--estimate", "--repair", "--image", _clean, "--corrupt-by", "noise");
        Assert.All(estimate.GetProperty("values").EnumerateArray().SelectMany(row => row.EnumerateArray()), value => Assert.True(double.IsFinite(value.GetDouble())));
        var ablation = Json("circuit", "patch", "--site", "attn.hook_z", "--axes", "heads", "--ablate", "zero", "--layers", "5", "--image", _clean);
        Assert.Equal(0, ablation.GetProperty("donor").GetArrayLength());
        var path = Json("circuit", "path", "--to", "logits", "--image", _clean, "--corrupt", _corrupt);
        Assert.Contains("a0.h0", path.GetProperty("rows").EnumerateArray().Select(row => row.GetString()));
    }

    [Fact]
    public void Edges_make_a_circuit_with_its_score()
    {
        var json = Json("circuit", "eap", "--method", "eap", "--edges", "30", "--image", _clean, "--corrupt", _corrupt, "--out", _folder["out"]);
        Assert.InRange(json.GetProperty("edges").GetInt32(), 1, 30);
        Assert.Equal(json.GetProperty("edges").GetInt32(), json.GetProperty("circuit").GetArrayLength());
        foreach (var file in new[] { "report.html", "circuit.graphml", "circuit.svg", "edges.png" }) Assert.True(File.Exists(Path.Combine(_folder["out"], file)), file);
    }

    [Fact]
    public void Learned_masks_make_a_circuit_too()
    {
        var json = Json("circuit", "eap", "--method", "prune", "--steps", "1", "--edges", "0.3", "--image", _clean, "--corrupt", _corrupt);
        Assert.InRange(json.GetProperty("edges").GetInt32(), 1, 0.3 * json.GetProperty("all_edges").GetInt32() + 1);
        Assert.Contains("learned masks", json.GetProperty("method").GetString(), StringComparison.Ordinal);
        Assert.True(double.IsFinite(json.GetProperty("faithfulness").GetDouble()));
    }

    [Fact]
    public void Heads_lenses_and_feature_circuits_run()
    {
        var heads = Json("circuit", "heads", "--image", _clean, _corrupt, "--composition", "--out", _folder["heads"]);
        Assert.All(heads.GetProperty("heads").EnumerateArray(), head =>
        {
            Assert.False(string.IsNullOrEmpty(head.GetProperty("kind").GetString()));
            Assert.InRange(head.GetProperty("copying").GetDouble(), -1, 1);
        });
        Assert.All(heads.GetProperty("outliers").EnumerateArray().Select((block, layer) => (block, layer)), one =>
        {
            Assert.Equal(one.layer, one.block.GetProperty("layer").GetInt32());
            Assert.True(one.block.GetProperty("threshold").GetDouble() >= 3 * one.block.GetProperty("median").GetDouble());
            Assert.Equal(one.block.GetProperty("share").GetDouble() * one.block.GetProperty("patches").GetInt32(), one.block.GetProperty("tokens").GetArrayLength(), 1e-6);
        });
        Assert.Contains("Patches of unusual norm", File.ReadAllText(Path.Combine(_folder["heads"], "report.html")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder["heads"], "copying.svg")));
        Assert.True(File.Exists(Path.Combine(_folder["heads"], "query.svg")));
        var lens = Json("circuit", "lens", "--image", _clean, _corrupt, "--train", _folder["tuned"], "--steps", "5", "--out", _folder["lens"]);
        Assert.Equal(2, lens.GetArrayLength());
        Assert.Equal(lens[0].ToString(), Json("circuit", "lens", "--image", _clean, _corrupt, "--tuned", _folder["tuned"])[0].ToString());
        var graph = Json("circuit", "graph", "--sae", Path.Combine(Fixture.Root, "weights", "demo", "sae"), "--nodes", "0.001", "--image", _clean, "--corrupt", _corrupt, "--out", _folder["graph"]);
        Assert.NotEqual(0, graph.GetProperty("nodes").GetArrayLength());
        Assert.True(File.Exists(Path.Combine(_folder["graph"], "graph.graphml")));
    }

    [Fact]
    public void Transcoders_give_an_attribution_graph_whose_features_can_be_driven()
    {
        string[] files = [.. Enumerable.Range(0, 6).Select(layer =>
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator((ulong)layer);
            using var coder = new StandardCoder(new CoderCard { Architecture = "standard", Inputs = 128, Features = 16, Outputs = 128, Reads = [Site.MlpIn[layer]], Writes = [Site.MlpOut[layer]] },
                new CoderWeights { Encoder = randn(16, 128, generator: generator) * 0.1, EncoderBias = zeros(16), Decoder = randn(16, 128, generator: generator) * 0.1, OutputBias = zeros(128), Skip = eye(128) * 0.1 });
            CoderWriters.Named("prisma-sae/1").Write(coder, _folder[$"coder{layer}"]);
            return _folder[$"coder{layer}"];
        })];
        var graph = Json(["circuit", "graph", "--sae", .. files, "--image", _clean, "--max-features", "40", "--drive", "L0/1+L1/2=0", "L5/3@0=1", "--out", _folder["graph"]]);
        var driven = graph.GetProperty("more").GetProperty("driven").EnumerateArray().ToList();
        double[] Logits(int which, string when) => [.. driven[which].GetProperty(when).EnumerateArray().Select(logit => Math.Round(logit.GetDouble(), 3))];
        Assert.NotEqual(Logits(0, "before"), Logits(0, "after"));
        Assert.Equal(Logits(1, "before"), Logits(1, "after"));
        Assert.Contains("L0/1+L1/2", File.ReadAllText(Path.Combine(_folder["graph"], "graph.json")), StringComparison.Ordinal);
        // With a corrupted picture beside it, the same transcoders and an autoencoder make a circuit of features.
        var circuit = Json(["circuit", "graph", "--sae", files[1], files[5], Path.Combine(Fixture.Root, "weights", "demo", "sae"), "--nodes", "0.001", "--edges", "0.0001", "--image", _clean, "--corrupt", _corrupt, "--out", _folder["features"]]);
        Assert.Equal(["blocks.1.hook_mlp_out", "blocks.4.hook_resid_post", "blocks.5.hook_mlp_out"], circuit.GetProperty("more").GetProperty("totals").EnumerateArray().Select(total => total.GetProperty("place").GetString()));
        Assert.Equal(2, circuit.GetProperty("nodes").EnumerateArray().Count(node => node.GetProperty("kind").GetString() == "skip"));
        Assert.NotEqual(0, circuit.GetProperty("links").GetArrayLength());
        Assert.Contains("what corrupting the node does", File.ReadAllText(Path.Combine(_folder["features"], "graph.svg")), StringComparison.Ordinal);
        var (code, errors, _) = VerbRun.Of(["circuit", "graph", "--model", s_model, "--sae", .. files, "--image", _clean, "--drive", "L0=2"]);
        Assert.Equal(2, code);
        Assert.Contains("--drive", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Places_are_as_like_themselves_as_can_be()
    {
        string[] pictures = [.. Enumerable.Range(5, 6).Select(seed => Picture($"{seed}.png", (ulong)seed))];
        var json = Json(["circuit", "similarity", "--measure", "cka", "--hooks", "*hook_resid_post", "--out", _folder["alike"], "--image", .. pictures]);
        var rows = json.GetProperty("values").EnumerateArray().Select(row => row.EnumerateArray().Select(value => value.GetDouble()).ToList()).ToList();
        Assert.Equal(6, rows.Count);
        for (var r = 0; r < 6; r++)
            for (var c = 0; c < 6; c++)
            {
                Assert.Equal(rows[r][c], rows[c][r], 1e-9);
                Assert.InRange(rows[r][c], 0, rows[r][r] + 1e-9);
            }
        Assert.Equal(1, rows[3][3], 1e-9);
        Assert.True(File.Exists(Path.Combine(_folder["alike"], "similarity.svg")));
        var both = Json(["circuit", "similarity", "--measure", "cka", "--other", s_model, "--image", .. pictures]);
        Assert.Equal(rows[2][4], both.GetProperty("values")[2][4].GetDouble(), 1e-9);
    }

    [Theory]
    [InlineData("expected cka", "circuit", "similarity", "--measure", "likeness")]
    [InlineData("no such kind", "circuit", "patch", "--site", "hook_resid_pr")]
    [InlineData("expected tokens", "circuit", "patch", "--axes", "rows")]
    [InlineData("cannot be cut", "circuit", "patch", "--site", "hook_mlp_out", "--axes", "heads")]
    [InlineData("more than --budget", "circuit", "patch", "--axes", "tokens", "--budget", "0.000001")]
    [InlineData("expected blur", "circuit", "patch", "--corrupt-by", "fog")]
    [InlineData("at least two pictures", "circuit", "patch", "--corrupt-by", "swap")]
    [InlineData("names no node", "circuit", "path", "--to", "head3")]
    [InlineData("--method", "circuit", "eap", "--method", "guess")]
    [InlineData("--edges 0", "circuit", "eap", "--edges", "0")]
    [InlineData("no class", "circuit", "lens", "--target", "class:9999")]
    public void Bad_input_is_one_sentence(string expected, params string[] arguments)
    {
        var (code, errors, output) = VerbRun.Of([.. arguments, "--model", s_model, "--image", _clean]);
        Assert.True(code == 2, errors);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    public void Dispose() => _folder.Dispose();

    private static JsonElement Json(params string[] arguments)
    {
        var (code, errors, output) = VerbRun.Of([.. arguments, "--model", s_model, "--json"]);
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        return json.RootElement.Clone();
    }

    private string Picture(string name, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(seed);
        var pixels = (rand([64 * 64 * 3], generator: generator) * 255).data<float>().ToArray();
        new RgbImage(64, 64, [.. pixels.Select(value => (byte)value)]).Save(_folder[name]);
        return _folder[name];
    }
}
