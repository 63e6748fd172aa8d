using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Training on activations whose features are known: sparse sums of planted unit directions with an offset.</summary>
public sealed class SmallTrainerTests
{
    private const int Width = 24, Planted = 32, PerVector = 3;

    [Fact]
    public void Top_k_finds_the_planted_directions()
    {
        using var scope = NewDisposeScope();
        var (x, directions) = Data(6000);
        using var coder = SmallTrainer.Train(x, new SmallTrainerOptions { Features = 48, K = 4, Steps = 700, Batch = 512, LearningRate = 3e-3, DeadAfter = 10_000, Seed = 1 });
        var fidelity = new Fidelity(coder);
        fidelity.Add(x);
        var report = fidelity.Report();
        Assert.True(report["all"].ExplainedVariance > 0.9, $"explained variance {report["all"].ExplainedVariance:f3}");
        Assert.True(report.DeadFeatures <= 4, $"{report.DeadFeatures} of 48 dead");
        var best = directions.matmul(coder.Directions.t()).amax([1]);
        Assert.True(best.gt(0.9).sum().item<long>() >= Planted * 0.8, $"found {best.gt(0.9).sum().item<long>()} of {Planted}");
        Close.Check("unit decoder rows", coder.Directions.norm(1), ones(48));
    }

    [Fact]
    public void Relu_with_a_penalty_is_sparse_and_explains()
    {
        using var scope = NewDisposeScope();
        var (x, _) = Data(6000);
        using var coder = SmallTrainer.Train(x, new SmallTrainerOptions { Features = 48, K = 0, L1 = 0.5, Steps = 700, Batch = 512, LearningRate = 3e-3, Seed = 1 });
        var fidelity = new Fidelity(coder);
        fidelity.Add(x);
        var row = fidelity.Report()["all"];
        Assert.True(row.ExplainedVariance > 0.85 && row.L0 < 15, $"explained variance {row.ExplainedVariance:f3}, L0 {row.L0:f1}");
    }

    [Fact]
    public void The_same_seed_gives_the_same_coder_and_another_seed_another()
    {
        using var scope = NewDisposeScope();
        var (x, _) = Data(1000);
        var options = new SmallTrainerOptions { Features = 32, K = 3, Steps = 20, Batch = 128, Seed = 7 };
        using var one = SmallTrainer.Train(x, options);
        using var two = SmallTrainer.Train(x, options);
        using var other = SmallTrainer.Train(x, options with { Seed = 8 });
        Assert.True(one.Directions.Equals(two.Directions) && one.Detectors.Equals(two.Detectors));
        Assert.False(one.Directions.Equals(other.Directions));
    }

    [Fact]
    public void Progress_is_told_and_training_can_be_stopped()
    {
        using var scope = NewDisposeScope();
        var (x, _) = Data(500);
        using var stop = new CancellationTokenSource();
        var told = new Told(stop);
        Assert.Throws<OperationCanceledException>(() =>
            SmallTrainer.Train(x, new SmallTrainerOptions { Features = 24, K = 2, Steps = 1000, Batch = 64 }, progress: told, stop: stop.Token));
        Assert.Equal(50, told.Last.Step);
        Assert.True(told.Last.L0 <= 2);
    }

    [Fact]
    public void Options_out_of_range_are_all_named()
    {
        using var x = randn(10, 4);
        var error = Assert.Throws<OptionsException>(() => SmallTrainer.Train(x, new SmallTrainerOptions { Features = 8, K = 9, Steps = 0, LearningRate = 0 }));
        foreach (var name in new[] { "K = 9", "Steps = 0", "LearningRate = 0" }) Assert.Contains(name, error.Message, StringComparison.Ordinal);
        using var flat = ones(10, 4);
        Assert.Throws<OptionsException>(() => SmallTrainer.Train(flat, new SmallTrainerOptions { Features = 8, K = 2 }));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0)]
    public void A_trained_coder_survives_the_prisma_layout_bit_for_bit(int k)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        var (x, _) = Data(500);
        var card = Toy.Card("") with { Reads = [Site.ResidPost[2]], Origin = new Provenance { ModelName = "tiny/demo-vit", Scope = TokenScope.Patches } };
        using var coder = SmallTrainer.Train(x, new SmallTrainerOptions { Features = Width * 2, K = k, Steps = 30, Batch = 100 }, card);
        PrismaWriter.Write(folder["sae"], coder, new Dictionary<string, double> { ["ev.global"] = 0.93, ["l0"] = 12 }, new Dictionary<string, JsonNode?> { ["seed"] = 0, ["image_size"] = 32 });
        using var read = CoderFile.Open(folder.Path);
        Assert.Equal(k > 0 ? "topk" : "standard", read.Card.Architecture);
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

    private static (Tensor X, Tensor Directions) Data(int count)
    {
        using var generator = new Generator(11);
        var directions = nn.functional.normalize(randn(Planted, Width, generator: generator));
        var chosen = rand(count, Planted, generator: generator).topk(PerVector, 1).indexes;
        var amplitude = rand(count, PerVector, generator: generator) + 0.5;
        var codes = zeros(count, Planted).scatter(1, chosen, amplitude);
        return (codes.matmul(directions) * 5 + randn(Width, generator: generator) * 3, directions);
    }

    private sealed class Told(CancellationTokenSource stop) : IProgress<TrainProgress>
    {
        internal TrainProgress Last { get; private set; }

        public void Report(TrainProgress value)
        {
            Last = value;
            stop.Cancel();
        }
    }
}
