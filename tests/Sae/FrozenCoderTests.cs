using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>What was trained is written to a file and read again: the same features and the same prediction, bit for bit.</summary>
public sealed class FrozenCoderTests
{
    public static TheoryData<string> Architectures => [.. ArchitectureCatalog.Default.Names];

    [Theory, MemberData(nameof(Architectures))]
    public void A_trained_coder_is_read_again_with_the_same_features(string architecture)
    {
        using var scope = NewDisposeScope();
        var x = randn(40, 8, generator: new Generator(2));
        using var training = Trained(architecture, new CoderShape(8, 24), new TrainRows(x, x) { Gradients = x });
        Same(training, training.Coder.Arranged(x), sites: 1);
    }

    [Theory]
    [InlineData("standard")]
    [InlineData("topk", "ranks_by_length")]
    [InlineData("batchtopk", "ranks_by_length")]
    [InlineData("jumprelu")]
    [InlineData("gated")]
    public void A_trained_crosscoder_is_read_again_with_the_same_features(string architecture, string? flag = null)
    {
        using var scope = NewDisposeScope();
        var x = randn(40, 10, generator: new Generator(2));
        using var training = Trained(architecture, new CoderShape([5, 5], 24, [5, 5]), new TrainRows(x, x), flag);
        Same(training, x.reshape(40, 2, 5), sites: 2);
        // Flat rows before it is written, [rows, sites, d] after: the same numbers.
        using var frozen = training.Coder.Freeze();
        using var codes = frozen.Encode(x);
        Assert.True(codes.ActivePerRow().sum().item<long>() > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_trained_cross_layer_transcoder_predicts_as_in_training(int layers)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (randn(30, 4 * layers, generator: new Generator(2)), randn(30, 5 * layers, generator: new Generator(3)));
        var shape = new CoderShape([.. Enumerable.Repeat(4, layers)], 12, [.. Enumerable.Repeat(5, layers)]);
        using var training = Trained("cross_layer", shape, new TrainRows(x, y));
        var read = training.Coder.Arranged(x);
        Assert.Equal([layers, 30, 4], read.shape);
        Same(training, read, sites: 1);
        using var frozen = training.Coder.Freeze();
        Assert.Equal((4, 12, 5), (frozen.Card.Inputs, frozen.Card.Features, frozen.Card.Outputs));
        using var codes = frozen.Encode(read);
        var expected = training.Step([new TrainRows(x, y)]).Losses["reconstruction"].Value;
        Assert.Equal(expected, (frozen.Decode(codes, read) - training.Coder.Arranged(y)).square().sum().item<float>() / 30, 1e-3 * expected);
    }

    private static CoderTraining Trained(string architecture, CoderShape shape, TrainRows rows, string? flag = null)
    {
        var options = new JsonObject();
        if (ArchitectureCatalog.Default.OptionsOf(architecture).GetProperty("K") is not null) options["k"] = 3;
        if (architecture == "matryoshka") options["groups"] = new JsonArray(0.25, 0.25, 0.5);
        if (architecture == "end_to_end") (options["output"], options["local"]) = (0, 1);
        if (flag is not null) options[flag] = true;
        var settings = TrainJson.Settings(new JsonObject { ["architecture"] = architecture, ["options"] = options, ["optimizer"] = new JsonObject { ["learning_rate"] = 0.01 } }, architecture);
        var training = new CoderTraining(settings, shape, totalSteps: 6, seed: 4);
        training.Begin(rows);
        for (var step = 0; step < 5; step++) training.Step([rows]);
        return training;
    }

    private static void Same(CoderTraining training, Tensor x, int sites)
    {
        using var folder = new TempFolder();
        var card = new CoderCard { Architecture = "", Inputs = 0, Features = 0, Outputs = 0, Sites = sites };
        using var frozen = training.Coder.Freeze(card);
        CoderWriters.Named("prisma-sae/1").Write(frozen, folder.Path);
        using var again = CoderFile.OpenAny(folder.Path);
        using var before = SaeEncode.Run(frozen, x);
        using var after = SaeEncode.Run(again, x);
        Assert.Equal(frozen.Card.Architecture, again.Card.Architecture);
        Assert.True(before.Features.ne(0).any().item<bool>(), "no feature is active");
        Close.Check("features", after.Features, before.Features, 0, 0);
        Close.Check("prediction", after.Prediction, before.Prediction, 0, 0);
    }
}
