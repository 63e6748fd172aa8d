using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class JudgingTests
{
    private static readonly TokenLayout s_grid = TokenLayout.Picture(0, 2, 2, 2);

    [Fact]
    public void The_area_under_a_curve_is_by_trapezoids()
    {
        Assert.Equal(0.45, new PerturbationCurve([0.9, 0.7, 0.4, 0.2, 0.1]).Area, 1e-12);
        Assert.Equal(0.3, new PerturbationCurve([0.3, 0.3, 0.3]).Area, 1e-12);
    }

    [Fact]
    public void An_even_map_gets_its_areas_share()
    {
        var (own, others) = (Mask(0, 1, 2, 4), Mask(10, 11));
        var score = EnergyScore.Of(new Heatmap([2, 2, 2, 2], s_grid), own, others);
        Assert.Equal(4.0 / 6, score.AmongObjects, 1e-9);
        Assert.Equal(score.AreaAmongObjects, score.AmongObjects, 1e-9);
        Assert.Equal(4.0 / 16, score.OfPicture, 1e-9);
        Assert.Equal(score.AreaOfPicture, score.OfPicture, 1e-9);
    }

    [Fact]
    public void Energy_counts_positive_values_where_they_lie()
    {
        // The left upper patch holds the target (4 pixels of value 3), the right lower one another object (1), negatives count nowhere.
        var map = new Heatmap([3, -5, -5, 1], s_grid);
        var score = EnergyScore.Of(map, Mask(0, 1, 4, 5), Mask(10, 11, 14, 15), HeatmapSampling.Blocks);
        Assert.Equal(0.75, score.AmongObjects, 1e-9);
        Assert.Equal((12.0, 4.0, 0.0), (score.OnTarget, score.OnOthers, score.OnGround));
        Assert.Equal(0, EnergyScore.Of(new Heatmap([-1, -1, -1, -1], s_grid), Mask(0), Mask(5)).AmongObjects);
        Assert.Throws<ShapeException>(() => EnergyScore.Of(map, new bool[15]));
    }

    [Fact]
    public void Parts_outside_the_crop_count_nowhere()
    {
        // A picture of 8×4 of which the model saw the left half.
        var map = new Heatmap([1, 1, 1, 1], s_grid, new ImageGeometry(8, 4, 8, 4, 0, 0, 4, 4));
        var left = new bool[32];
        var right = new bool[32];
        for (var k = 0; k < 32; k++) (left[k], right[k]) = (k % 8 < 2, k % 8 >= 6);
        var score = EnergyScore.Of(map, left, right);
        Assert.Equal((8, 0, 8), (score.TargetArea, score.OthersArea, score.GroundArea));
    }

    [Fact]
    public void The_highest_pixel_points()
    {
        var map = new Heatmap([0, 5, 0, 0], s_grid);
        Assert.Equal((15, 4, 30), (PointingGame.UsualTolerance(300, 224), PointingGame.UsualTolerance(64, 64), PointingGame.UsualTolerance(448, 448)));
        Assert.True(PointingGame.Hits(map, Mask(3)));
        Assert.False(PointingGame.Hits(map, Mask(0, 12)));
        Assert.True(PointingGame.Hits(map, Mask(1), tolerance: 2));
        Assert.False(PointingGame.Hits(map, Mask(0), tolerance: 2));
    }

    [Fact]
    public void Ranks_are_compared_not_values()
    {
        Assert.Equal(1, RankCorrelation.Of([1, 2, 3, 100], [-5, 0, 1, 2]), 1e-12);
        Assert.Equal(-1, RankCorrelation.Of([1, 2, 3, 4], [9, 8, 7, 1]), 1e-12);
        Assert.Equal(0.9486833, RankCorrelation.Of([1, 2, 2, 3], [1, 2, 3, 4]), 1e-6);
        Assert.True(double.IsNaN(RankCorrelation.Of([1, 1, 1], [1, 2, 3])));
    }

    [Fact]
    public void Deleting_by_the_true_weights_is_best_on_a_sum()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        using var generator = new Generator(3);
        var picture = randn(1, 1, 4, 4, generator: generator);
        var truth = AttributionMethod.Named("gradient-x-input").Explain(model, picture, new ClassLogit(0))[0].Heatmap;
        var deletion = PerturbationCurve.Deletion(model, picture, truth, new ClassLogit(0));
        Assert.Equal(5, deletion.Scores.Count);
        Assert.Equal(0.5, deletion.Scores[^1], 1e-6);
        var insertion = PerturbationCurve.Insertion(model, picture, truth, new ClassLogit(0));
        Assert.Equal(deletion.Scores[0], insertion.Scores[^1], 1e-6);
        var random = new Random(1);
        for (var k = 0; k < 24; k++)
        {
            float[] order = [0, 1, 2, 3];
            random.Shuffle(order);
            var other = new Heatmap(order, truth.Layout);
            Assert.True(deletion.Area <= PerturbationCurve.Deletion(model, picture, other, new ClassLogit(0)).Area + 1e-6);
        }
    }

    [Fact]
    public void Methods_are_scored_and_the_true_one_is_chosen()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        // Each picture shows one bright patch in favour of class 0 (the target) and one against it.
        var pictures = Enumerable.Range(0, 12).Select(k =>
        {
            var (own, other) = (k % 4, (k + 1 + k / 4) % 4);
            var signs = tensor([.. AdditiveModel.PixelWeights.Select(w => MathF.Sign(w))], [1L, 4, 4]);
            var places = zeros(4);
            places[own].fill_(1);
            places[other].fill_(-1);
            var spread = places.view(1, 2, 1, 2, 1).expand(1, 2, 2, 2, 2).reshape(1, 4, 4);
            return JudgedPicture.FromOwners(signs * spread, null, Owners(own, other), 1, new ClassLogit(0));
        }).ToList();
        var scores = Judge.Score(model, pictures, options: new JudgeOptions { Curves = true });
        Assert.DoesNotContain(scores, score => score.Method == "attention");
        var best = Judge.Best(scores);
        Assert.Equal(12, best.Pictures);
        Assert.True(best.Ratio > 1.5, $"{best.Method} reaches {best.Ratio}");
        Assert.Equal(0.5, best.AreaAmongObjects, 1e-9);
        var random = scores.Single(score => score.Method == "random");
        Assert.True(random.IsBaseline && random.EnergyAmongObjects < best.EnergyAmongObjects && random.Deletion > best.Deletion);
        var table = Judge.Table(scores);
        Assert.Contains("random (baseline)", table, StringComparison.Ordinal);
        Assert.Equal(scores.Count + 1, table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Throws<NotApplicableException>(() => Judge.Score(model, pictures, [AttributionMethod.Named("attention")]));
    }

    [Fact]
    public void Targets_that_share_a_pass_give_the_maps_they_give_alone()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(3);
        Target[] targets = [new ClassLogit(2), new LogitDifference(0, 1), new ChosenClass()];
        foreach (var name in new[] { "layer-cam", "gradient-x-input", "occlusion" })
        {
            var method = AttributionMethod.Named(name);
            var together = method.Explain(model, pictures, new PerExample(targets));
            for (var k = 0; k < targets.Length; k++)
            {
                var alone = method.Explain(model, pictures.narrow(0, k, 1), targets[k])[0];
                Assert.Equal(alone.Target, together[k].Target);
                Assert.Equal(alone.Score!.Value, together[k].Score!.Value, 1e-4);
                Assert.All(alone.Heatmap.OnPicture(0).Zip(together[k].Heatmap.OnPicture(0)), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
            }
        }
        Assert.Throws<OptionsException>(() => AttributionMethod.Named("layer-cam").Explain(model, pictures, new PerExample(targets[..2])));
    }

    [Fact]
    public void Scores_of_two_sets_are_put_together_as_if_they_were_one()
    {
        double[] first = [0.1, 0.4, 0.9], second = [0.2, 0.3, 0.8, 1.0];
        var (whole, together) = (Score([.. first, .. second]), MethodScore.Together([Score(first), Score(second)]));
        Assert.Equal(7, together.Pictures);
        Assert.Equal(whole.EnergyAmongObjects, together.EnergyAmongObjects, 1e-12);
        Assert.Equal(whole.EnergyError, together.EnergyError, 1e-12);
        Assert.Throws<OptionsException>(() => MethodScore.Together([Score(first), Score(second) with { Method = "other" }]));
    }

    private static MethodScore Score(double[] shares)
    {
        var mean = shares.Average();
        return new MethodScore
        {
            Method = "one",
            IsBaseline = false,
            UsesTarget = true,
            Pictures = shares.Length,
            EnergyAmongObjects = mean,
            EnergyError = Math.Sqrt(shares.Sum(share => (share - mean) * (share - mean)) / (shares.Length - 1) / shares.Length),
            AreaAmongObjects = 0.5,
            EnergyOfPicture = mean,
            AreaOfPicture = 0.5,
            Pointing = mean,
            PointingNear = mean,
        };
    }

    [Fact]
    public void Shuffled_weights_change_a_gradients_map_but_not_the_centre()
    {
        using var scope = NewDisposeScope();
        using var pictures = Tiny.Pictures(4);
        var steps = RandomisationCheck.Run(() => Tiny.Vit(), AttributionMethod.Named("gradient-x-input"), pictures, new ClassLogit(0));
        Assert.Equal("head", steps[0].Shuffled);
        Assert.Contains(steps, step => step.Shuffled == "blocks.0");
        Assert.True(Math.Abs(steps[^1].Correlation) < 0.5, $"{steps[^1].Correlation}");
        Assert.All(RandomisationCheck.Run(() => Tiny.Vit(), AttributionMethod.Named("centre"), pictures, new ClassLogit(0)), step => Assert.Equal(1, step.Correlation, 1e-9));
    }

    private static bool[] Mask(params int[] pixels)
    {
        var mask = new bool[16];
        foreach (var pixel in pixels) mask[pixel] = true;
        return mask;
    }

    private static byte[] Owners(int own, int other)
    {
        var owners = new byte[16];
        for (var k = 0; k < 16; k++)
        {
            var patch = k / 8 * 2 + k % 4 / 2;
            owners[k] = patch == own ? (byte)1 : patch == other ? (byte)2 : (byte)0;
        }
        return owners;
    }
}
