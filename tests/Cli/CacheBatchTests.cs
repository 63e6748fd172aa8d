using Prisma.Cli;
using Prisma.Core;
using Prisma.Demo;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>A batch that goes through the model in parts.</summary>
public sealed class CacheBatchTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("1")]
    [InlineData("2")]
    [InlineData("7")]
    public void Parts_give_what_the_whole_batch_gives(string atOnce)
    {
        using var scope = NewDisposeScope();
        var pixels = rand([5, 3, 64, 64], generator: new Generator(3));
        Safetensors.Write(_folder["in.safetensors"], [("pixel_values", pixels)]);
        Assert.Equal(0, Cache("whole.safetensors").Code);
        Assert.Equal(0, Cache("parts.safetensors", "--batch", atOnce, "--seed", "1").Code);
        using var whole = TensorSource.Open(_folder["whole.safetensors"]);
        using var parts = TensorSource.Open(_folder["parts.safetensors"]);
        Assert.Equal(whole.Names.Order(), parts.Names.Order());
        foreach (var expected in whole.Tensors)
        {
            var (want, got) = (expected.ToTensor(), parts.Get(expected.Name).ToTensor());
            Assert.True((got - want).abs().max().item<float>() < 1e-5, expected.Name);
            Assert.Equal(want.shape[1..], got.shape[1..]);
        }
    }

    [Theory]
    [InlineData("no CUDA device", "--device", "cuda")]
    [InlineData("at least 1", "--batch", "0")]
    [InlineData("does not go with --sae", "--batch", "1", "--sae", "{sae}", "--reconstruct")]
    public void What_cannot_be_is_refused(string sentence, params string[] more)
    {
        if (more[1] == "cuda" && cuda.is_available()) return;
        using var scope = NewDisposeScope();
        Safetensors.Write(_folder["in.safetensors"], [("pixel_values", zeros(2, 3, 64, 64))]);
        var (code, errors, _) = Cache("out.safetensors", [.. more.Select(word => word.Replace("{sae}", DemoWeights.Sae, StringComparison.Ordinal))]);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["out.safetensors"]));
    }

    public void Dispose() => _folder.Dispose();

    private (int Code, string Errors, string Output) Cache(string output, params string[] more) =>
        VerbRun.Of(["cache", "--model", DemoWeights.Vit, "--tensors", _folder["in.safetensors"], "--hooks", "blocks.1.*", "--hooks", "hook_pos_embed", "--out", _folder[output], .. more]);
}
