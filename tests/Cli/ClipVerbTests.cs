using System.Text.Json;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs on CLIP: caches with processed weights, and classes given in words.</summary>
public sealed class ClipVerbTests
{
    [Fact]
    public void Cache_folds_value_biases_when_asked_and_runs_the_folder_that_a_hooked_configuration_names()
    {
        using var folder = new TempFolder();
        var from = Fixture.Path("models/prisma_from_open_clip_text");
        var (code, errors, _) = VerbRun.Of("cache", "--model", from, "--tensors", Path.Combine(from, "expected.safetensors").Replace("expected", "inputs"), "--out", folder["out.safetensors"]);
        Assert.Equal(2, code);
        Assert.Contains("inputs.safetensors", errors, StringComparison.Ordinal);

        using (var expected = TensorSource.Open(Path.Combine(from, "expected.safetensors")))
            Safetensors.Write(folder["in.safetensors"], [expected.Get("input")]);
        Assert.Equal(0, VerbRun.Of("cache", "--model", from, "--tensors", folder["in.safetensors"], "--out", folder["out.safetensors"],
            "--hooks", "text.*", "--process", "fold-value-biases").Code);
        using var cache = TensorSource.Open(Path.Combine(from, "cache.safetensors"));
        using var written = TensorSource.Open(folder["out.safetensors"]);
        using var scope = NewDisposeScope();
        foreach (var wanted in cache.Tensors) Close.Check(wanted.Name, written.Get("text." + wanted.Name).ToTensor(), wanted.ToTensor());
        Assert.True(written.Contains("output.text_embeds"));
        Assert.DoesNotContain(written.Names, name => name.StartsWith("vision.", StringComparison.Ordinal));
        Assert.Equal(2, VerbRun.Of("cache", "--model", from, "--tensors", folder["in.safetensors"], "--out", folder["x.safetensors"], "--process", "fold-lm").Code);
    }

    [Fact]
    public void Classify_takes_classes_in_words()
    {
        using var copy = WithWords();
        var picture = Fixture.Path("imaging/rgb.png");
        var (code, errors, output) = VerbRun.Of("classify", "--model", copy.Path, "--labels", "red circle, cat,dog", "--template", "{}", "--json", picture);
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        var classes = json.RootElement[0].GetProperty("classes").EnumerateArray().ToList();
        Assert.Equal(["cat", "dog", "red circle"], classes.Select(answer => answer.GetProperty("label").GetString()).Order());
        Assert.Equal(1, classes.Sum(answer => answer.GetProperty("probability").GetDouble()), 1e-4);

        (code, errors, _) = VerbRun.Of("classify", "--model", copy.Path, picture);
        Assert.Equal(2, code);
        Assert.Contains("--labels", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_head_gets_its_texts_from_the_list()
    {
        using var copy = WithWords();
        using var folder = new TempFolder();
        File.WriteAllLines(folder["words.txt"], ["red circle", "cat", "", "dog", "cat"]);
        for (var k = 0; k < 3; k++) RgbImage.Filled(32, 32, (byte)(80 * k), 90, (byte)(200 - 60 * k)).Save(folder[$"{k}.png"]);
        string[] named = ["circuit", "texts", "--model", copy.Path, "--image", folder["0.png"], folder["1.png"], folder["2.png"], "--texts"];
        var (code, errors, output) = VerbRun.Of([.. named, folder["words.txt"], "--layers", "1", "--count", "2", "--json"]);
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        var heads = json.RootElement.GetProperty("heads").EnumerateArray().ToList();
        Assert.NotEmpty(heads);
        Assert.Single(heads.Select(head => head.GetProperty("layer").GetInt32()).Distinct());
        foreach (var head in heads)
        {
            var texts = head.GetProperty("texts").EnumerateArray().Select(text => text.GetProperty("text").GetString()).ToList();
            Assert.Equal(2, texts.Distinct().Count());
            Assert.Subset(new HashSet<string?> { "red circle", "cat", "dog" }, texts.ToHashSet());
            Assert.InRange(head.GetProperty("explained").GetDouble(), 0, 1 + 1e-9);
        }
        var pictures = json.RootElement.GetProperty("pictures").EnumerateArray().ToList();
        Assert.Equal(["0.png", "1.png", "2.png"], pictures.Select(picture => Path.GetFileName(picture.GetProperty("image").GetString())));
        foreach (var picture in pictures)
        {
            Assert.InRange(picture.GetProperty("cosine").GetDouble(), -1, 1 + 1e-9);
            var weights = picture.GetProperty("texts").EnumerateArray().Select(text => text.GetProperty("weight").GetDouble()).ToList();
            Assert.Equal(weights.OrderDescending(), weights);
            Assert.All(weights, weight => Assert.True(weight > 0));
        }
        // Features by their direction: one writes along the last stream of the vision tower.
        using (var scope = NewDisposeScope())
        using (var coder = new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = VisionWidth(copy), Features = 4, Outputs = VisionWidth(copy), Reads = [Site.ResidPost[1].In("vision")], Writes = [Site.ResidPost[1].In("vision")] },
            new CoderWeights { Encoder = randn(4, VisionWidth(copy)), EncoderBias = zeros(4), Decoder = randn(4, VisionWidth(copy)), OutputBias = zeros(VisionWidth(copy)) }))
            CoderWriters.Named("prisma-sae/1").Write(coder, folder["coder"]);
        (code, errors, output) = VerbRun.Of([.. named, folder["words.txt"], "--layers", "1", "--count", "2", "--sae", folder["coder"], "--features", "3", "--json"]);
        Assert.True(code == 0, errors);
        using var both = JsonDocument.Parse(output);
        var features = both.RootElement.GetProperty("features").EnumerateArray().ToList();
        Assert.Equal(3, features.Select(feature => feature.GetProperty("feature").GetInt32()).Distinct().Count());
        foreach (var feature in features)
        {
            var scores = feature.GetProperty("texts").EnumerateArray().Select(text => text.GetProperty("score").GetDouble()).ToList();
            Assert.Equal(scores.OrderDescending(), scores);
            Assert.Equal(2, scores.Count);
        }
        // A penalty that no text is worth leaves none.
        (code, errors, output) = VerbRun.Of([.. named, folder["words.txt"], "--layers", "1", "--penalty", "3", "--json"]);
        Assert.True(code == 0, errors);
        using var bare = JsonDocument.Parse(output);
        Assert.All(bare.RootElement.GetProperty("pictures").EnumerateArray(), picture => Assert.Equal(0, picture.GetProperty("texts").GetArrayLength()));
        (code, errors, _) = VerbRun.Of([.. named, folder["none.txt"]]);
        Assert.Equal(2, code);
        Assert.Contains("no file", errors, StringComparison.Ordinal);
    }

    private static int VisionWidth(CheckpointCopy copy)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(copy.Path, "config.json")));
        return config.RootElement.GetProperty("vision_config").GetProperty("hidden_size").GetInt32();
    }

    // A small CLIP with the vocabulary of the real ones, so that any words can be put to it.
    private static CheckpointCopy WithWords()
    {
        using var scope = NewDisposeScope();
        var copy = new CheckpointCopy("hf_clip_gelu", config =>
        {
            var text = config["text_config"]!;
            (text["vocab_size"], text["eos_token_id"], text["max_position_embeddings"]) = (49408, 49407, 11);
        }, tensors => tensors.Select(tensor => tensor.Name.EndsWith("token_embedding.weight", StringComparison.Ordinal)
            ? randn(49408, 16).ToStored(tensor.Name)
            : tensor));
        File.Copy(Fixture.Path("tokenizer/bpe_simple_vocab_16e6.txt.gz"), Path.Combine(copy.Path, "bpe_simple_vocab_16e6.txt.gz"));
        File.WriteAllText(Path.Combine(copy.Path, "preprocessor_config.json"), """
            {"image_processor_type":"CLIPImageProcessor","do_resize":true,"size":{"shortest_edge":32},"resample":3,"do_center_crop":true,
             "crop_size":{"height":32,"width":32},"do_normalize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.3,0.3,0.3]}
            """);
        return copy;
    }
}
