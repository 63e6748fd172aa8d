using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>What is trained here and written as ViT-Prisma stores coders reads back as the same coder.</summary>
public sealed class PrismaLayoutTests
{
    private const int Width = 24;

    [Theory]
    [InlineData("topk")]
    [InlineData("standard")]
    [InlineData("gated")]
    public void A_trained_coder_survives_the_prisma_layout_bit_for_bit(string architecture)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        var x = randn(500, Width, generator: new Generator(11));
        var card = Toy.Card("") with { Reads = [Site.ResidPost[2]], Origin = new Provenance { ModelName = "tiny/demo-vit", Scope = TokenScope.Patches } };
        using var coder = Trained(architecture, x, card);
        PrismaWriter.Write(folder["sae"], coder, new Dictionary<string, double> { ["ev.global"] = 0.93, ["l0"] = 12 }, new Dictionary<string, JsonNode?> { ["seed"] = 0, ["image_size"] = 32 });
        using var read = CoderFile.Open(folder.Path);
        Assert.Equal(architecture, read.Card.Architecture);
        Assert.Equal([Site.ResidPost[2]], read.Card.Reads);
        Assert.Equal((TokenScope.Patches, "tiny/demo-vit", 0.93), (read.Card.Origin.Scope, read.Card.Origin.ModelName, read.Card.Origin.Published["ev.global"]));
        using var before = SaeEncode.Run(coder, x);
        using var after = SaeEncode.Run(read, x);
        Assert.True(before.Features.Equals(after.Features) && before.Prediction.Equals(after.Prediction));
        Assert.Throws<PrismaException>(() => PrismaWriter.Write(folder["sae"], coder));
    }

    [Fact]
    public void Equal_coders_make_equal_files()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        foreach (var name in new[] { "a/weights.pt", "b/weights.pt" })
            TorchArchive.Write(folder[name], [("x", arange(0, 6, dtype: float32).view(2, 3).t()), ("n", tensor(7L))]);
        Assert.Equal(File.ReadAllBytes(folder["a/weights.pt"]), File.ReadAllBytes(folder["b/weights.pt"]));
        using var source = TensorSource.Open(folder["a/weights.pt"]);
        Assert.Equal([0, 3, 1, 4, 2, 5], source.Get("x").ToDoubles());
        Assert.Equal(7, source.Get("n").ToScalar());
    }

    private static Coder Trained(string architecture, Tensor x, CoderCard card)
    {
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = x.clone() }, seed: 1);
        var json = new JsonObject { ["architecture"] = architecture };
        if (architecture == "topk") json["options"] = new JsonObject { ["k"] = 3 };
        var job = new TrainJob { Name = "one", Reads = ["x"], Writes = ["x"], Features = 2 * Width, Settings = TrainJson.Settings(json, "one") };
        using var run = Trainer.Fit([job], data, new RunOptions { Steps = 30, BatchRows = 100 }, new Quiet()).Single();
        return (Coder)run.Coder.Freeze(card);
    }
}
