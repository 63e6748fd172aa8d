using Prisma.Core;
using Prisma.Demo;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class DemoVitTests
{
    private static readonly DemoVitOptions _small = new()
    {
        Width = 16,
        Layers = 1,
        Heads = 2,
        Hidden = 32,
        Patch = 16,
        Steps = 3,
        BatchSize = 8,
        WarmUp = 1,
        HeldOut = 20,
    };

    [Fact]
    public void A_saved_model_loads_through_the_catalog_and_computes_the_same()
    {
        using var folder = new TempFolder();
        using TrainedVit trained = DemoVit.Train(_small, new Progress<TrainingProgress>());
        trained.Save(folder.Path, new BaselineReport(0.25, 0.2, 0.17, 100, 100));
        using HookedModel loaded = Models.Load(folder.Path);
        SceneBatch batch = SceneBatch.Draw(SceneSplit.HeldOut, 0, 4);
        using var scope = NewDisposeScope();
        Tensor pixels = tensor(batch.Pixels, [4, 3, Scene.Width, Scene.Width]);
        Assert.Equal(trained.Model.Run(pixels).data<float>().ToArray(), loaded.Run(pixels).data<float>().ToArray());
        Assert.Equal(Enum.GetValues<ShapeKind>().Select(shape => shape.ToString().ToLowerInvariant()), loaded.Card.Labels);
        Assert.Equal(trained.Accuracy, DemoVit.Accuracy(loaded, _small.HeldOut));
        Assert.Contains("| this model | ", File.ReadAllText(Path.Combine(folder.Path, "README.md")));
    }

    [Fact]
    public void The_same_seed_trains_the_same_weights_and_another_seed_others()
    {
        float[] first = Weights(_small), again = Weights(_small), other = Weights(_small with { Seed = 2 });
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    private static float[] Weights(DemoVitOptions options)
    {
        using TrainedVit trained = DemoVit.Train(options, new Progress<TrainingProgress>());
        return [.. trained.Model.Weights.SelectMany(named => named.Weight.Value.data<float>().ToArray())];
    }

    [Fact]
    public void Training_lowers_the_loss()
    {
        var losses = new Losses();
        using TrainedVit trained = DemoVit.Train(_small with { Steps = 60, BatchSize = 32, LearningRate = 3e-3 }, losses);
        Assert.True(losses.Last < losses.First - 0.5, $"{losses.First:F3} -> {losses.Last:F3}");
    }

    private sealed class Losses : IProgress<TrainingProgress>
    {
        public double First { get; private set; }

        public double Last { get; private set; }

        public void Report(TrainingProgress value)
        {
            if (value.Step == 1) First = value.Loss;
            Last = value.Loss;
        }
    }

    [Fact]
    public void The_committed_model_names_the_shapes_of_held_out_scenes()
    {
        using HookedModel model = Models.Load(DemoWeights.Vit);
        Assert.True(DemoVit.Accuracy(model, 300) > 0.95);
    }

    [Fact]
    public void Impossible_options_are_refused_all_at_once()
    {
        var error = Assert.Throws<OptionsException>(() => DemoVit.Train(_small with { Heads = 3, Patch = 7, Shards = 5 }, new Progress<TrainingProgress>()));
        Assert.Contains("Heads 3", error.Message);
        Assert.Contains("Patch 7", error.Message);
        Assert.Contains("Shards 5", error.Message);
    }

    [Fact]
    public void Orthogonal_brings_singular_values_near_one()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        Tensor tall = Muon.Orthogonal(randn([24, 8], generator: random)), square = tall.transpose(0, 1).matmul(tall);
        float[] values = square.data<float>().ToArray();
        Assert.All(Enumerable.Range(0, 8), i => Assert.InRange(values[i * 9], 0.4f, 1.5f));
        Assert.Equal(24, tall.shape[0]);
    }

    [Fact]
    public void Histograms_hold_the_roots_of_all_shares()
    {
        SceneBatch batch = SceneBatch.Draw(SceneSplit.HeldOut, 0, 3);
        float[] histograms = Baselines.Histograms(batch);
        Assert.Equal(3 * 512, histograms.Length);
        for (int scene = 0; scene < 3; scene++) Assert.Equal(1f, histograms.Skip(512 * scene).Take(512).Sum(root => root * root), 1e-4f);
    }

    [Fact]
    public void Classifiers_without_shapes_stay_below_one_half()
    {
        BaselineReport report = Baselines.Measure(2000, 500);
        Assert.InRange(report.PixelProbe, 0.1, 0.5);
        Assert.InRange(report.ColourHistogram, 0.1, 0.5);
        Assert.InRange(report.MostFrequent, 1 / 6.0, 0.25);
    }
}
