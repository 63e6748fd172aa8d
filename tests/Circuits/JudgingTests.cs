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
    public void A_true_map_of_a_sum_is_faithful_by_every_measure()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        using var generator = new Generator(3);
        var picture = randn(1, 1, 4, 4, generator: generator);
        var truth = AttributionMethod.Named("gradient-x-input").Explain(model, picture, new ClassLogit(0))[0].Heatmap;
        var against = new Heatmap([.. truth.Values.ToArray().Select(value => -value)], truth.Layout);
        // What the set adds is what its absence takes.
        var sensitivity = SensitivityN.Of(model, picture, truth, new ClassLogit(0), subsets: 20);
        Assert.Equal([1, 2], sensitivity.Sizes);
        Assert.All(sensitivity.Correlations, one => Assert.Equal(1, one, 1e-4));
        Assert.All(SensitivityN.Of(model, picture, against, new ClassLogit(0), subsets: 20).Correlations, one => Assert.Equal(-1, one, 1e-4));
        Assert.Equal(0, SensitivityN.Of(model, picture, new Heatmap([2, 2, 2, 2], truth.Layout), new ClassLogit(0)).Mean);
        // By hand: of four patches the first four shares are one patch, the last two.
        double[] parts = [.. truth.Values.ToArray().Select(value => (double)value).OrderDescending()];
        double Probability(double logit) => 1 / (1 + Math.Exp(-2 * logit));
        var (one, two, all) = (parts[0], parts[0] + parts[1], parts.Sum());
        var faithful = Faithfulness.Of(model, picture, truth, new ClassLogit(0));
        Assert.Equal(Probability(all) - (4 * Probability(all - one) + Probability(all - two)) / 5, faithful.Comprehensiveness, 1e-5);
        Assert.Equal(Probability(all) - (4 * Probability(one) + Probability(two)) / 5, faithful.Sufficiency, 1e-5);
        var wrong = Faithfulness.Of(model, picture, against, new ClassLogit(0));
        Assert.True(faithful.Comprehensiveness > wrong.Comprehensiveness && faithful.Sufficiency < wrong.Sufficiency);
        Assert.True(PerturbationCurve.Road(model, picture, truth, new ClassLogit(0)).Area < PerturbationCurve.Road(model, picture, against, new ClassLogit(0)).Area);
        Assert.Throws<OptionsException>(() => SensitivityN.Of(model, picture, truth, subsets: 2));
    }

    [Fact]
    public void Missing_pixels_are_the_mean_of_their_neighbours()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var picture = randn(1, 2, 12, 12, generator: generator);
        var missing = zeros(1, 1, 12, 12);
        foreach (var (y, x) in new[] { (5, 5), (0, 3) }) missing[0, 0, y, x].fill_(1);
        var filled = NeighbourFill.Of(picture, missing)[0, 1];
        float At(int y, int x) => picture[0, 1, y, x].item<float>();
        Assert.Equal((At(4, 5) + At(6, 5) + At(5, 4) + At(5, 6)) / 6 + (At(4, 4) + At(4, 6) + At(6, 4) + At(6, 6)) / 12, filled[5, 5].item<float>(), 1e-4);
        // At the rim five neighbours share what there is.
        Assert.Equal(((At(0, 2) + At(0, 4) + At(1, 3)) / 6 + (At(1, 2) + At(1, 4)) / 12) / (2 / 3.0), filled[0, 3].item<float>(), 1e-4);
        Assert.Equal(At(7, 7), filled[7, 7].item<float>());
        // A slope runs on through a hole of any shape; two holes of one batch do not meet.
        var slope = (arange(12, float32).view(1, 1, 12, 1) + arange(12, float32) * 2).view(1, 1, 12, 12);
        var holes = zeros(2, 1, 12, 12);
        holes[0, 0].narrow(0, 2, 7).narrow(1, 3, 5).fill_(1);
        holes[1].fill_(1);
        var whole = NeighbourFill.Of(slope, holes);
        Close.Check("slope", whole[0], slope[0], 0.02);
        // Where nothing is left, its mean colour is.
        Close.Check("nothing left", whole[1], slope[0].mean().expand([1, 12, 12]), 1e-4);
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
        var scores = Judge.Score(model, pictures, options: new JudgeOptions { Curves = true, Faithfulness = true, Subsets = 5 });
        Assert.DoesNotContain(scores, score => score.Method == "attention");
        var best = Judge.Best(scores);
        Assert.Equal(12, best.Pictures);
        Assert.True(best.Ratio > 1.5, $"{best.Method} reaches {best.Ratio}");
        Assert.Equal(0.5, best.AreaAmongObjects, 1e-9);
        var random = scores.Single(score => score.Method == "random");
        Assert.True(random.IsBaseline && random.EnergyAmongObjects < best.EnergyAmongObjects && random.Deletion > best.Deletion);
        Assert.True(random.Road > best.Road && random.Comprehensiveness < best.Comprehensiveness && random.Sufficiency > best.Sufficiency && random.SensitivityN < best.SensitivityN);
        var table = Judge.Table(scores);
        Assert.Contains("random (baseline)", table, StringComparison.Ordinal);
        Assert.Equal(scores.Count + 1, table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        // Two curves of four steps; and ROAD, eleven passes, and 5 sets of one and of two patches, each after the picture itself.
        Assert.Equal((12, 6 + 11 + 11), (new JudgeOptions { Curves = true }.Passes(s_grid), new JudgeOptions { Faithfulness = true, Subsets = 5 }.Passes(s_grid)));
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
