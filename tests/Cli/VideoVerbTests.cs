using System.Text.Json;
using Prisma.Core;

namespace Prisma.Tests.Cli;

/// <summary>The verbs on videos.</summary>
public sealed class VideoVerbTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CheckpointCopy _model = new("hf_videomae");

    public VideoVerbTests()
    {
        File.WriteAllText(Path.Combine(_model.Path, "preprocessor_config.json"),
            """{"image_processor_type":"VideoMAEImageProcessor","size":{"shortest_edge":24},"crop_size":{"height":24,"width":24}}""");
        VideoFile.Write(_folder["clip.mp4"], Enumerable.Range(0, 20).Select(k => RgbImage.Filled(48, 32, (byte)(10 * k), 99, (byte)(250 - 10 * k))), 10);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Attribute_draws_a_video_and_a_sheet()
    {
        var (code, errors, _) = VerbRun.Of("attribute", "--model", _model.Path, "--image", _folder["clip.mp4"], "--method", "rollout", "integrated-gradients", "--steps", "4", "--out", _folder["maps"]);
        Assert.True(code == 0, errors);
        using var drawn = FrameSource.Open(_folder["maps/clip.rollout.mp4"]);
        Assert.Equal(16, drawn.Count);  // from the first to the last of the frames 0, 5, 10, 15
        Assert.True(File.Exists(_folder["maps/clip.integrated-gradients.png"]));
        // The frames alone, then a sheet for each method.
        Assert.Equal(3, File.ReadAllText(_folder["maps/report.html"]).Split("<img ").Length - 1);
        Assert.Contains("without a map", File.ReadAllText(_folder["maps/report.html"]), StringComparison.Ordinal);
        Assert.Equal(2, VerbRun.Of("attribute", "--model", _model.Path, "--image", _folder["clip.mp4"], "--method", "rollout", "--out", _folder["maps"]).Code);
    }

    [Fact]
    public void Classify_names_labels_for_a_clip_and_for_windows()
    {
        var (code, errors, output) = VerbRun.Of("classify", "--model", _model.Path, _folder["clip.mp4"], "--top", "2", "--json");
        Assert.True(code == 0, errors);
        Assert.StartsWith("LABEL_", JsonDocument.Parse(output).RootElement[0].GetProperty("classes")[0].GetProperty("label").GetString(), StringComparison.Ordinal);
        (code, errors, output) = VerbRun.Of("classify", "--model", _model.Path, _folder["clip.mp4"], "--hop", "8", "--json");
        Assert.True(code == 0, errors);
        Assert.Equal([0, 8, 16], JsonDocument.Parse(output).RootElement.EnumerateArray().Select(row => row.GetProperty("first").GetInt32()));
    }

    [Fact]
    public void What_is_no_clip_is_said_with_what_to_do()
    {
        File.WriteAllBytes(_folder["empty.mp4"], []);
        File.WriteAllText(_folder["words.mp4"], "no video");
        Directory.CreateDirectory(_folder["none"]);
        Directory.CreateDirectory(_folder["odd"]);
        RgbImage.Filled(32, 32, 1, 2, 3).Save(_folder["odd/a.png"]);
        RgbImage.Filled(48, 32, 1, 2, 3).Save(_folder["odd/b.png"]);
        foreach (var (name, says) in new[]
        {
            ("empty.mp4", "the file is empty"), ("words.mp4", "convert it"), ("none", "neither videos"), ("missing.mp4", "no file or folder"),
            ("*.webm", "as a pattern it fits none"), ("odd", "32x32. The pictures of a clip must have one size: resize them"),
        })
        {
            var (code, errors, _) = VerbRun.Of("classify", "--model", _model.Path, _folder[name]);
            Assert.Equal(2, code);
            Assert.Contains(says, errors, StringComparison.Ordinal);
            Assert.Contains(name, errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_folder_of_pictures_is_one_clip_and_sizes_one_level_down_are_found()
    {
        Directory.CreateDirectory(_folder["frames"]);
        for (var k = 0; k < 9; k++) RgbImage.Filled(48, 32, (byte)(20 * k), 99, 7).Save(_folder[$"frames/{k}.png"]);
        using var second = new CheckpointCopy("opengvlab_videomaev2");
        File.Copy(Path.Combine(_model.Path, "preprocessor_config.json"), Path.Combine(second.Path, "preprocessor_config.json"));
        foreach (var model in new[] { _model.Path, second.Path })
        {
            var (code, errors, _) = VerbRun.Of("preprocess", "--model", model, _folder["frames"], "--out", _folder["f.safetensors"], "--force");
            Assert.True(code == 0, errors);
            using (var written = TensorSource.Open(_folder["f.safetensors"])) Assert.Equal([1, 4, 3, 24, 24], written.Get("pixel_values").Shape);
            Assert.Equal(0, VerbRun.Of("cache", "--model", model, "--tensors", _folder["f.safetensors"], "--out", _folder["c.safetensors"], "--force").Code);
        }
    }

    [Fact]
    public void Preprocess_and_cache_take_videos()
    {
        var (code, errors, _) = VerbRun.Of("preprocess", "--model", _model.Path, _folder["clip.mp4"], "--out", _folder["p.safetensors"]);
        Assert.True(code == 0, errors);
        using (var written = TensorSource.Open(_folder["p.safetensors"])) Assert.Equal([1, 4, 3, 24, 24], written.Get("pixel_values").Shape);
        Assert.Equal(0, VerbRun.Of("cache", "--model", _model.Path, "--tensors", _folder["p.safetensors"], "--out", _folder["a.safetensors"]).Code);
        Assert.Equal(0, VerbRun.Of("cache", "--model", _model.Path, "--image", _folder["clip.mp4"], "--out", _folder["b.safetensors"]).Code);
        using var one = TensorSource.Open(_folder["a.safetensors"]);
        using var other = TensorSource.Open(_folder["b.safetensors"]);
        using var scope = TorchSharp.torch.NewDisposeScope();
        Assert.True(one.Get("output.logits").ToTensor().Equals(other.Get("output.logits").ToTensor()));
        Assert.Equal(2, VerbRun.Of("cache", "--model", _model.Path, "--out", _folder["c.safetensors"]).Code);
    }

    [Fact]
    public void A_picture_model_looks_at_single_frames_and_bad_videos_are_refused()
    {
        var vit = Path.Combine(Fixture.Root, "weights", "demo", "vit");
        var (code, errors, _) = VerbRun.Of("attribute", "--model", vit, "--image", _folder["clip.mp4"], "--frames", "3", "--method", "grad-cam", "--out", _folder["vit"]);
        Assert.True(code == 0, errors);
        Assert.True(File.Exists(_folder["vit/clip.grad-cam.mp4"]));
        (code, errors, _) = VerbRun.Of("features", "--model", vit, "--sae", Path.Combine(Fixture.Root, "weights", "demo", "sae"), "--image", _folder["clip.mp4"], "--frames", "2", "--top", "1", "--out", _folder["features"]);
        Assert.True(code == 0, errors);
        Assert.Single(Directory.EnumerateFiles(_folder["features"], "*.mp4"));
        File.WriteAllText(_folder["bad.mp4"], "no video");
        (code, errors, _) = VerbRun.Of("classify", "--model", _model.Path, _folder["bad.mp4"]);
        Assert.Equal(2, code);
        Assert.Contains("no video stream", errors, StringComparison.Ordinal);
    }
}
