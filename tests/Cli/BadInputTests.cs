using System.Diagnostics;
using Prisma.Cli;
using Prisma.Core;
using Prisma.Demo;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>What a user can get wrong: exit code 2, one sentence, nothing on standard output, nothing half-written.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("There is no verb 'frobnicate'", "frobnicate")]
    [InlineData("There is no option '--colour'", "classify", "--model", "{vit}", "--colour", "a.png")]
    [InlineData("There is no option '--colour'", "tokenize", "--model", "{tokenizer}", "--colour", "a cat")]
    [InlineData("--top 0", "classify", "--model", "{vit}", "--top", "0", "{picture}")]
    [InlineData("--threads -1", "demo", "--threads", "-1")]
    [InlineData("--faithful belongs", "demo", "score", "--all", "--faithful")]
    [InlineData("Nearest: ", "sites", "--model", "{vit}", "--match", "blocks.77.*")]
    [InlineData("no JSON object", "sites", "--model", "{list}")]
    [InlineData("no class 99", "attribute", "--model", "{vit}", "--image", "{picture}", "--target", "class:99", "--out", "{out}")]
    [InlineData("the costliest is rise", "attribute", "--model", "{vit}", "--image", "{picture}", "--method", "rise", "grad-cam", "--budget", "0.0001", "--out", "{out}")]
    [InlineData("with --sae", "attribute", "--model", "{vit}", "--image", "{picture}", "--target", "feature:blocks.4.hook_resid_post:3", "--out", "{out}")]
    [InlineData("no feature 4096", "attribute", "--model", "{vit}", "--sae", "{sae}", "--image", "{picture}", "--target", "feature:blocks.4.hook_resid_post:4096", "--out", "{out}")]
    [InlineData("was named, but", "attribute", "--model", "{vit}", "--sae", "{sae}", "--image", "{picture}", "--target", "feature:blocks.3.hook_resid_post:3", "--out", "{out}")]
    [InlineData("exists already", "attribute", "--model", "{vit}", "--image", "{picture}", "--out", "{taken}")]
    [InlineData("exists already", "features", "--model", "{vit}", "--sae", "{sae}", "--image", "{picture}", "--out", "{taken}")]
    [InlineData("pixel_values holds Int64", "cache", "--model", "{vit}", "--tensors", "{whole}", "--out", "{out}")]
    [InlineData("give --edit too", "cache", "--model", "{vit}", "--tensors", "{pixels}", "--sae", "{sae}", "--reconstruct", "--mask", "{picture}", "--out", "{out}")]
    public void It_is_refused_in_a_sentence(string sentence, params string[] args)
    {
        var (code, errors, output) = Run([.. args.Select(Filled)]);
        Assert.Equal((ExitCode.BadInput, ""), (code, output));
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder["out"]));
    }

    [Fact]
    public void A_word_behind_two_dashes_may_look_like_an_option()
    {
        var (code, _, output) = Run("tokenize", "--model", Filled("{tokenizer}"), "--json", "--", "--colour");
        Assert.Equal(0, code);
        Assert.Contains("--colour", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_feature_can_be_the_target_and_the_report_is_written()
    {
        var (code, errors, _) = Run("attribute", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image", Filled("{picture}"),
            "--target", "feature:blocks.4.hook_resid_post:260", "--method", "gradient-x-input", "--out", _folder["out"]);
        Assert.True(code == 0, errors);
        Assert.True(File.Exists(Path.Combine(_folder["out"], "report.html")));
    }

    [Fact]
    public void Pictures_in_an_archive_count_like_files()
    {
        using (var tar = new System.Formats.Tar.TarWriter(File.Create(_folder["shard.tar"])))
            foreach (var name in new[] { "a.png", "b.png" }) tar.WriteEntry(Filled("{picture}"), $"x/{name}");
        var alone = Run("features", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image", Filled("{picture}"), "--json");
        var packed = Run("features", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--image", _folder["shard.tar"], "--json");
        Assert.True(packed.Code == 0, packed.Errors);
        var (one, two) = (System.Text.Json.JsonDocument.Parse(alone.Output).RootElement, System.Text.Json.JsonDocument.Parse(packed.Output).RootElement);
        Assert.Equal(2, two.GetArrayLength());
        foreach (var found in two.EnumerateArray()) Assert.Equal(one[0].GetProperty("features")[0].GetProperty("feature").GetInt32(), found.GetProperty("features")[0].GetProperty("feature").GetInt32());
        foreach (var verb in new[] { new[] { "attribute", "--model", DemoWeights.Vit, "--method", "attention", "--out", _folder["maps"] }, ["sae", "features", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--out", _folder["catalogue"]] })
        {
            var (code, errors, _) = Run([.. verb, "--image", _folder["shard.tar"]]);
            Assert.True(code == 0, errors);
        }
        foreach (var stem in new[] { "a", "b" }) Assert.Single(Directory.GetFiles(_folder["maps"], $"{stem}*attention*.png"));
        var (checkedCode, checkedErrors, _) = Run("features", "--model", DemoWeights.Vit, "--sae", DemoWeights.Sae, "--check", _folder["shard.tar"]);
        Assert.True(checkedCode == 0, checkedErrors);
    }

    [Fact]
    public void An_edit_under_a_mask_changes_only_its_tokens()
    {
        RgbImage.Filled(4, 4, 255, 255, 255).Save(_folder["all.png"]);
        var half = new byte[3 * 8 * 8];
        half.AsSpan(half.Length / 2).Fill(255);
        new RgbImage(8, 8, half).Save(_folder["lower.png"]);
        using var scope = NewDisposeScope();
        var plain = Stream("--reconstruct", "--keep-error");
        var edited = Stream("--edit", "blocks.4.hook_resid_post:260=add 5", "--mask", _folder["lower.png"]);
        var changed = edited.ne(plain).any(2)[0].data<bool>().ToArray();
        Assert.Equal(Enumerable.Range(0, 65).Select(token => token >= 1 + 32), changed);
    }

    // SIGTERM takes the way of Ctrl-C; a shell in the background would have its children ignore SIGINT.
    [Fact]
    public void Stopping_the_demo_ends_at_once_with_a_sentence_and_leaves_nothing()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var word in new[] { typeof(CommandLine).Assembly.Location, "demo", "--out", _folder["out"] }) start.ArgumentList.Add(word);
        using var demo = Process.Start(start)!;
        while (demo.StandardError.ReadLine() is { } line && !line.Contains("classifying", StringComparison.Ordinal)) { }
        using (var kill = Process.Start("kill", ["-TERM", $"{demo.Id}"])) kill.WaitForExit();
        var errors = demo.StandardError.ReadToEnd();
        demo.WaitForExit();
        Assert.Equal(ExitCode.BadInput, demo.ExitCode);
        Assert.Contains("Stopped by", errors, StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder["out"]));
    }

    public void Dispose() => _folder.Dispose();

    private Tensor Stream(params string[] splice)
    {
        var file = _folder[$"{splice[0]}.safetensors"];
        var (code, errors, _) = Run(["cache", "--model", DemoWeights.Vit, "--tensors", Filled("{pixels}"), "--sae", DemoWeights.Sae, "--hooks", "blocks.4.hook_resid_post", "--out", file, .. splice]);
        Assert.True(code == 0, errors);
        using var written = TensorSource.Open(file);
        return written.Get("blocks.4.hook_resid_post").ToTensor();
    }

    private string Filled(string word)
    {
        switch (word)
        {
            case "{vit}":
                return DemoWeights.Vit;
            case "{sae}":
                return DemoWeights.Sae;
            case "{tokenizer}":
                return Fixture.Path("tokenizer");
            case "{picture}":
                return Fixture.Path("imaging/rgb.png");
            case "{out}":
                return _folder["out"];
            case "{taken}":
                _folder.Put("report.html", [1]);
                return _folder.Path;
            case "{list}":
                _folder.Put("config.json", "[1, 2]"u8.ToArray());
                return _folder.Path;
            case "{whole}" or "{pixels}":
                using (NewDisposeScope())
                {
                    using var generator = new Generator(5);
                    var pixels = randn(1, 3, 64, 64, generator: generator);
                    Safetensors.Write(_folder["in.safetensors"], [("pixel_values", word == "{whole}" ? pixels.to(ScalarType.Int64) : pixels)], existing: ExistingFile.Replace);
                }
                return _folder["in.safetensors"];
            default:
                return word;
        }
    }

    private static (int Code, string Errors, string Output) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        return (CommandLine.Run(args, output, errors), errors.ToString(), output.ToString());
    }
}
