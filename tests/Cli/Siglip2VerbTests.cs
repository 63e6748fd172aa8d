using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>A model of variable resolution on the command line: photographs of different proportions.</summary>
public sealed class Siglip2VerbTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _picture = Fixture.Path("imaging/plain.jpg");

    public Siglip2VerbTests()
    {
        foreach (var file in new[] { "config.json", "model.safetensors" }) File.Copy(Fixture.Path($"models/formula_siglip2/{file}"), _folder[file]);
        File.WriteAllText(_folder["preprocessor_config.json"], """{"image_processor_type": "Siglip2ImageProcessor", "patch_size": 4, "max_num_patches": 12}""");
        RgbImage.Load(_picture).Resize(60, 20, ResizeFilter.Bilinear).Save(_folder["wide.png"]);
        RgbImage.Load(_picture).Resize(40, 40, ResizeFilter.Bilinear).Save(_folder["square.png"]);
    }

    [Fact]
    public void Prepared_pictures_of_any_proportions_run_as_one_batch_and_give_what_each_gives_alone()
    {
        Run("preprocess", "--model", _folder.Path, _folder["wide.png"], _folder["square.png"], "--out", _folder["p.safetensors"]);
        Run("cache", "--model", _folder.Path, "--tensors", _folder["p.safetensors"], "--hooks", "vision.blocks.1.hook_resid_post", "--out", _folder["both.safetensors"]);
        Run("cache", "--model", _folder.Path, "--image", _folder["square.png"], "--hooks", "vision.blocks.1.hook_resid_post", "--out", _folder["one.safetensors"]);
        using var scope = NewDisposeScope();
        using var both = TensorSource.Open(_folder["both.safetensors"]);
        using var one = TensorSource.Open(_folder["one.safetensors"]);
        var alone = one.Get("vision.blocks.1.hook_resid_post").ToTensor();
        Assert.True(alone.shape[1] < 12, "so there is padding in the batch");
        Close.Check("stream", both.Get("vision.blocks.1.hook_resid_post").ToTensor().narrow(0, 1, 1).narrow(1, 0, alone.shape[1]), alone);
        Close.Check("embedding", both.Get("output.image_embeds").ToTensor().narrow(0, 1, 1), one.Get("output.image_embeds").ToTensor());
    }

    [Fact]
    public void A_batch_of_several_proportions_is_refused_where_padding_would_count()
    {
        var (code, errors, _) = VerbRun.Of("cache", "--model", _folder.Path, "--image", _folder["wide.png"], _folder["square.png"], "--out", _folder["c.safetensors"]);
        Assert.Equal(2, code);
        Assert.Contains("Give them one at a time", errors, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Run(params string[] args)
    {
        var (code, errors, output) = VerbRun.Of(args);
        Assert.True(code == 0, errors);
        return output;
    }
}
