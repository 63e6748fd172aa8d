using System.Text.Json;
using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs that ask what features cause, mean and become, on the demo's model and drawn scenes.</summary>
public sealed class FeatureVerbTests : IDisposable
{
    private const int Scenes = 24;
    private static readonly string s_vit = Path.Combine(Fixture.Root, "weights", "demo", "vit"), s_sae = Path.Combine(Fixture.Root, "weights", "demo", "sae");
    private readonly TempFolder _folder = new();
    private readonly string _labels;
    private readonly string[] _circles;

    public FeatureVerbTests()
    {
        var drawn = SceneBatch.Draw(SceneSplit.Scoring, 9000, Scenes);
        Directory.CreateDirectory(_folder["pictures"]);
        var lines = new List<string>();
        for (var k = 0; k < Scenes; k++)
        {
            new RgbImage(Scene.Width, Scene.Width, ScenePainter.Paint(drawn.Scenes[k], Scene.Width)).Save(_folder[$"pictures/{k:00}.png"]);
            lines.Add($"{k:00}.png\t{drawn.Labels[k]}");
        }
        File.WriteAllLines(_labels = _folder["labels.tsv"], lines);
        _circles = [.. Enumerable.Range(0, Scenes).Where(k => drawn.Labels[k] == 0).Select(k => _folder[$"pictures/{k:00}.png"])];
    }

    [Fact]
    public void Steering_scores_are_sorted_and_named()
    {
        var scores = Json("sae", "steering", "--count", "5", "--promoted", "1").EnumerateArray().ToList();
        Assert.Equal(5, scores.Count);
        double[] output = [.. scores.Select(score => score.GetProperty("output").GetDouble())];
        Assert.Equal(output.OrderDescending(), output);
        Assert.All(output, value => Assert.InRange(value, 0, 1));
        Assert.Contains("(", scores[0].GetProperty("promoted")[0].GetProperty("name").GetString(), StringComparison.Ordinal);
        var chosen = scores[0].GetProperty("feature").GetInt32();
        var one = Assert.Single(Json("sae", "steering", "--feature", $"{chosen}", "--promoted", "1").EnumerateArray());
        Assert.Equal(output[0], one.GetProperty("output").GetDouble(), 1e-5);
        // Not driven, a feature causes nothing: all have the score of the plain grey picture for their class.
        var still = Json("sae", "steering", "--count", "5", "--promoted", "1", "--strength", "0").EnumerateArray().ToList();
        Assert.All(still.GroupBy(score => score.GetProperty("promoted")[0].GetProperty("index").GetInt32()), same => Assert.Single(same.Select(score => Math.Round(score.GetProperty("output").GetDouble(), 5)).Distinct()));
    }

    [Fact]
    public void A_topic_of_all_pictures_ranks_by_distance()
    {
        var found = Json(["sae", "topic", "--count", "4", "--topic", .. _circles]);
        Assert.Equal(Scenes, found.GetProperty("pictures").GetInt32());
        Assert.InRange(found.GetProperty("coverage").GetDouble(), 0.05, 1);
        var features = found.GetProperty("features").EnumerateArray().ToList();
        Assert.Equal((4, 1), (features.Count, features[0].GetProperty("score").GetDouble()));
        // Pictures of the topic are at no distance from it.
        double[] distances = [.. found.GetProperty("distances").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(_circles.Length, distances.Count(distance => distance == 0));
    }

    [Fact]
    public void A_class_is_forgotten_and_the_rest_is_kept()
    {
        var found = Json("sae", "unlearn", "--labels", _labels, "--forget", "circle", "--most", "0.05", "--count", "20", "--value", "-20");
        Assert.Equal("0 (circle)", found.GetProperty("forget").GetString());
        Assert.All(found.GetProperty("features").EnumerateArray(), feature =>
        {
            Assert.True(feature.GetProperty("fires").GetDouble() > 0);
            Assert.InRange(feature.GetProperty("elsewhere").GetDouble(), 0, 0.05);
        });
        var (forgotten, kept) = (found.GetProperty("forgotten"), found.GetProperty("kept"));
        Assert.True(forgotten.GetProperty("after").GetDouble() <= forgotten.GetProperty("before").GetDouble());
        Assert.Equal(_circles.Length / 2, forgotten.GetProperty("pictures").GetInt32());
        Assert.InRange(kept.GetProperty("before").GetDouble(), 0.9, 1);
        Assert.True(Json("sae", "unlearn", "--labels", _labels, "--forget", "0", "--most", "0.05").GetProperty("value").GetDouble() < 0);
    }

    [Fact]
    public void Features_are_followed_through_coders_of_checkpoints()
    {
        using (var scope = NewDisposeScope())
        {
            using var generator = new Generator(2);
            var (start, end) = (randn(12, 8, generator: generator), randn(12, 8, generator: generator));
            end[5].copy_(start[5]);
            for (var t = 0; t < 3; t++)
            {
                var rows = start * (1 - t / 2.0) + end * (t / 2.0);
                using var coder = new StandardCoder(new CoderCard { Architecture = "standard", Inputs = 8, Features = 12, Outputs = 8 },
                    new CoderWeights { Encoder = rows.clone(), EncoderBias = zeros(12), Decoder = rows.clone(), OutputBias = zeros(8) });
                CoderWriters.Named("prisma-sae/1").Write(coder, _folder[$"step{t}"]);
            }
            Safetensors.Write(_folder["x.safetensors"], [randn([200, 8], generator: generator).ToStored("x")]);
            Safetensors.Write(_folder["short.safetensors"], [randn([20, 8], generator: generator).ToStored("x")]);
        }
        string[] coders = ["--sae", _folder["step0"], _folder["step1"], _folder["step2"]];
        JsonElement Of(params string[] arguments)
        {
            var (code, errors, output) = VerbRun.Of(["sae", "dynamics", .. coders, .. arguments, "--json"]);
            Assert.True(code == 0, errors);
            return JsonDocument.Parse(output).RootElement;
        }
        var found = Of("--count", "3");
        Assert.Equal(3, found.GetProperty("checkpoints").GetArrayLength());
        Assert.Equal(1, found.GetProperty("mean_drift")[2].GetDouble(), 1e-5);
        Assert.All(found.GetProperty("features").EnumerateArray(), feature =>
        {
            Assert.NotEqual(5, feature.GetProperty("feature").GetInt32());
            // On a straight way at an even pace the steps sum to the distance.
            Assert.Equal(feature.GetProperty("displacement").GetDouble(), feature.GetProperty("path_length").GetDouble(), 1e-4);
            Assert.Equal(JsonValueKind.Null, feature.GetProperty("progress").ValueKind);
        });
        var still = Of("--feature", "5", "--tensors", _folder["x.safetensors"]).GetProperty("features")[0];
        Assert.Equal(0, still.GetProperty("displacement").GetDouble(), 1e-5);
        Assert.Equal(1, still.GetProperty("drift")[0].GetDouble(), 1e-5);
        // Tokens that excite one feature are more alike than any others.
        Assert.True(still.GetProperty("progress")[2].GetDouble() > 0.02, still.ToString());
        var (code, errors, _) = VerbRun.Of(["sae", "dynamics", .. coders, "--tensors", _folder["x.safetensors"], _folder["x.safetensors"], _folder["short.safetensors"]]);
        Assert.Equal(2, code);
        Assert.Contains("the same ones", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Heads_of_clips_are_told_by_the_time_they_look_at()
    {
        var video = Path.Combine(Fixture.Root, "weights", "demo", "video");
        VideoFile.Write(_folder["clip.mp4"], Enumerable.Range(0, 8).Select(k => RgbImage.Filled(32, 32, (byte)(30 * k), 99, (byte)(250 - 30 * k))), 8);
        var (code, errors, output) = VerbRun.Of("circuit", "heads", "--model", video, "--image", _folder["clip.mp4"], "--out", _folder["heads"], "--json");
        Assert.True(code == 0, errors);
        var heads = JsonDocument.Parse(output).RootElement.GetProperty("heads").EnumerateArray().ToList();
        Assert.Equal(16, heads.Count);
        Assert.All(heads, head =>
        {
            foreach (var share in new[] { "same", "previous", "next", "same_place" }) Assert.InRange(head.GetProperty(share).GetDouble(), 0, 1);
            Assert.False(string.IsNullOrEmpty(head.GetProperty("kind").GetString()));
        });
        Assert.True(File.Exists(_folder["heads/previous.svg"]));
        Assert.Contains("previous-frame", File.ReadAllText(_folder["heads/report.html"]), StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of("circuit", "heads", "--model", s_vit, "--image", _folder["clip.mp4"]);
        Assert.Equal(2, code);
        Assert.Contains("is a video", errors, StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of("circuit", "patch", "--model", video, "--image", _folder["clip.mp4"]);
        Assert.Equal(2, code);
        Assert.Contains("--corrupt", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--feature 5000", "steering", "--feature", "5000")]
    [InlineData("--topic", "topic")]
    [InlineData("pictures and texts", "topic", "--about", "a red circle")]
    [InlineData("no class labelled 'dog'", "unlearn", "--forget", "dog")]
    [InlineData("--value 3", "unlearn", "--forget", "circle", "--value", "3")]
    [InlineData("--most 2", "unlearn", "--forget", "circle", "--most", "2")]
    [InlineData("line 1", "unlearn", "--forget", "circle", "--labels")]
    [InlineData("At least two pictures", "unlearn", "--forget", "5000")]
    public void Bad_input_is_one_sentence(string expected, string verb, params string[] arguments)
    {
        // A label file that is none stands in where only its option is named.
        if (arguments is [.., "--labels"]) File.WriteAllText(_labels, "a picture without a label\n");
        if (arguments is [.., "--labels"]) arguments = arguments[..^1];
        var (code, errors, output) = VerbRun.Of(["sae", verb, "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], .. verb == "unlearn" ? ["--labels", _labels] : Array.Empty<string>(), .. arguments]);
        Assert.True(code == 2, errors);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    [Fact]
    public void Two_checkpoints_and_a_file_of_labels_are_asked_for()
    {
        var (code, errors, _) = VerbRun.Of("sae", "dynamics", "--sae", s_sae);
        Assert.Equal(2, code);
        Assert.Contains("at least two", errors, StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of("sae", "unlearn", "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], "--forget", "circle");
        Assert.Equal(2, code);
        Assert.Contains("--labels", errors, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private JsonElement Json(string noun, string verb, params string[] arguments)
    {
        var (code, errors, output) = VerbRun.Of([noun, verb, "--sae", s_sae, "--model", s_vit, "--image", _folder["pictures"], .. arguments, "--json"]);
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        return json.RootElement.Clone();
    }

    private JsonElement Json(string[] words) => Json(words[0], words[1], words[2..]);
}
