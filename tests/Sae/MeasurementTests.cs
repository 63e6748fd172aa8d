using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Reconstruction metrics and feature usage against numbers worked out by hand, and laws.</summary>
public sealed class MeasurementTests
{
    [Fact]
    public void The_worked_coder_gives_its_numbers()
    {
        using var scope = NewDisposeScope();
        using var relu = new StandardCoder(Toy.Card("standard"), Toy.Weights());
        var row = Measure(relu, Toy.X)["all"];
        Assert.Equal(8.883532, row[MetricName.Mse], 1e-5);
        Assert.Equal(2.961177, row[MetricName.MseElement], 1e-5);
        Assert.Equal(5.033163, row[MetricName.Fvu], 1e-5);
        Assert.Equal(5.26, row[MetricName.L1], 1e-5);
        Assert.Equal(3.5, row[MetricName.L0]);
        using var topK = new TopKCoder(Toy.Card("topk"), Toy.Weights(), k: 2);
        row = Measure(topK, Toy.X)["all"];
        Assert.Equal(1.94289, row[MetricName.Mse], 1e-5);
        Assert.Equal(-0.100788, row[MetricName.Global], 1e-5);
        Assert.Equal(0.856564, row[MetricName.CentredResidual], 1e-5);
        Assert.Equal(2, row[MetricName.L0]);
        Assert.Equal(0.5, row[MetricName.Zeros]);
    }

    // X̂ = 0.8 X + 0.1 G(1) and Z = max(0, G(2) − 0.2): all eight definitions of explained variance differ.
    [Theory]
    [InlineData(MetricName.Mse, 0.066042)]
    [InlineData(MetricName.MseElement, 0.016510)]
    [InlineData(MetricName.L2Loss, 0.253237)]
    [InlineData(MetricName.Fvu, 0.031591)]
    [InlineData(MetricName.Global, 0.968409)]
    [InlineData(MetricName.CentredResidual, 0.972676)]
    [InlineData(MetricName.TokenRatio, 0.967627)]
    [InlineData(MetricName.SaeLens, 0.966683)]
    [InlineData(MetricName.PerDim, 0.972447)]
    [InlineData(MetricName.ScalarMean, 0.970511)]
    [InlineData(MetricName.Channel, 0.027722)]
    [InlineData(MetricName.Uncentred, 0.971510)]
    [InlineData(MetricName.Cosine, 0.995021)]
    [InlineData(MetricName.CosineChannel, 0.995804)]
    [InlineData(MetricName.L2Ratio, 0.853133)]
    [InlineData(MetricName.Bias, 0.856649)]
    [InlineData(MetricName.L0, 2.875)]
    [InlineData(MetricName.L1, 1.391601)]
    [InlineData(MetricName.Zeros, 0.520833)]
    [InlineData(MetricName.Hoyer, 0.630136)]
    [InlineData(MetricName.Empty, 0)]
    public void Every_definition_gives_its_own_number(string metric, double expected)
    {
        using var scope = NewDisposeScope();
        using var coder = Given.Worked();
        Assert.Equal(expected, Measure(coder, Given.X)["all"][metric], 1.5e-6);
    }

    [Fact]
    public void The_shape_of_codes_runs_from_one_active_feature_to_all_alike()
    {
        using var scope = NewDisposeScope();
        MetricRow Row(float[] codes)
        {
            using var coder = Given.Coder(4, 4, _ => tensor(codes, [codes.Length / 4, 4]), x => x);
            return Measure(coder, ones(codes.Length / 4, 4))["all"];
        }
        var (one, all, mixed) = (Row([0, 3, 0, 0]), Row([2, 2, 2, 2]), Row([0, -3, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 0, 3, 4, 0]));
        Assert.Equal((1, 1, 1, 0), (one[MetricName.Hoyer], one[MetricName.Kurtosis], one[MetricName.NormRatio], one[MetricName.Empty]));
        Assert.Equal((0, .25, 2, 0), (all[MetricName.Hoyer], all[MetricName.Kurtosis], all[MetricName.NormRatio], all[MetricName.Empty]));
        // Of the fourth row: ‖z‖₁ = 7, ‖z‖₂ = 5, Σz⁴ = 337. The empty second one is counted and left out.
        Assert.Equal(1, mixed[MetricName.Empty]);
        Assert.Equal((1 + 0 + (2 - 1.4)) / 3, mixed[MetricName.Hoyer], 1e-9);
        Assert.Equal((1 + .25 + 337 / 625.0) / 3, mixed[MetricName.Kurtosis], 1e-9);
        Assert.Equal((1 + 2 + 1.4) / 3, mixed[MetricName.NormRatio], 1e-9);
    }

    [Fact]
    public void Densities_of_the_worked_codes()
    {
        using var scope = NewDisposeScope();
        using var coder = Given.Worked();
        var measurement = new CoderMeasurement(coder);
        measurement.Add(Given.X);
        Assert.Equal([.375, .375, .375, .25, 1, .5], measurement.Usage.Counts.Select(count => count / 8.0));
        Assert.Equal(2.875, measurement.Usage.Counts.Sum() / 8.0);
    }

    [Fact]
    public void An_identity_coder_explains_everything()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var row = Measure(Laws.Identity(4), randn(40, 4, generator: generator) + 2)["all"];
        foreach (var name in new[] { MetricName.Global, MetricName.CentredResidual, MetricName.TokenRatio, MetricName.SaeLens, MetricName.PerDim, MetricName.ScalarMean, MetricName.Uncentred, MetricName.Cosine, MetricName.CosineChannel, MetricName.L2Ratio, MetricName.Bias })
            Assert.Equal(1, row[name], 1e-5);
        foreach (var name in new[] { MetricName.Fvu, MetricName.Mse, MetricName.Nmse, MetricName.Channel })
            Assert.Equal(0, row[name], 1e-5);
    }

    [Fact]
    public void A_constant_shift_is_forgiven_only_where_the_residual_is_centred()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var row = Measure(Laws.Identity(4, shift: .5f), randn(400, 4, generator: generator))["all"];
        Assert.Equal(1, row[MetricName.CentredResidual], 1e-5);
        Assert.True(row[MetricName.Global] < .9);
    }

    [Fact]
    public void Shrinking_shows_in_norms_and_not_in_the_cosine()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var row = Measure(Laws.Identity(4, scale: .7f), randn(40, 4, generator: generator))["all"];
        Assert.Equal(1, row[MetricName.Cosine], 1e-5);
        Assert.Equal(.7, row[MetricName.L2Ratio], 1e-5);
        Assert.Equal(.7, row[MetricName.Bias], 1e-5);
        Assert.Equal(.09, row[MetricName.Nmse], 1e-5);
    }

    [Fact]
    public void A_large_mean_does_not_eat_the_digits()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var x = randn(500, 4, generator: generator);
        var (near, far) = (Laws.Variance(x, 0), Laws.Variance(x, 1e6));
        Assert.Equal(near, far, 1e-6);
    }

    [Fact]
    public void Batches_add_up_and_token_groups_are_told_apart()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        using var coder = Toy.Random(6, 20);
        var x = randn(8, 10, 6, generator: generator);
        var layout = TokenLayout.Picture(1, 3, 3, 4);
        var (whole, parts) = (new CoderMeasurement(coder), new CoderMeasurement(coder));
        whole.Add(x, layout);
        foreach (var part in x.split(3)) parts.Add(part, layout);
        var (one, many) = (whole.Report(), parts.Report());
        Assert.Equal((80, 8, 72), (one["all"].Count, one["cls"].Count, one["spatial"].Count));
        // Batches of other sizes are rounded otherwise in float32. The only metric that depends on batches by definition is the ratio to the batch's own mean.
        foreach (var row in one.Rows)
            foreach (var (name, value) in row.Values.Where(pair => pair.Key != MetricName.TokenRatio)) Assert.Equal(value, many[row.Tokens][name], 1e-5);
        Assert.Equal(Measure(coder, x.narrow(1, 0, 1))["all"][MetricName.Global], one["cls"][MetricName.Global], 1e-9);
        Assert.Equal(one.Usage.Histogram, many.Usage.Histogram);
        Assert.Equal(one.Usage.L0ImageSum, one["all"][MetricName.L0] * 10, 1e-9);
        Assert.True(one.Usage.L0ImageUnique <= one.Usage.L0ImageSum);
        Assert.Throws<ShapeException>(() => whole.Add(x, TokenLayout.Picture(1, 2, 2, 4)));
        Assert.Throws<ShapeException>(() => whole.Add(randn(4, 7)));
    }

    [Fact]
    public void Patches_alone_start_behind_the_prefix()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(6, 20);
        var measurement = new CoderMeasurement(coder);
        measurement.Add(randn(4, 9, 6), TokenLayout.Picture(1, 3, 3, 4), firstToken: 1);
        Assert.Equal(["all", "spatial"], measurement.Report().Rows.Select(row => row.Tokens));
        var cls = new CoderMeasurement(coder);
        cls.Add(randn(4, 1, 6), TokenLayout.Picture(1, 3, 3, 4));
        Assert.Equal(["all", "cls"], cls.Report().Rows.Select(row => row.Tokens));
    }

    [Fact]
    public void Dead_and_dense_features_follow_the_thresholds()
    {
        using var scope = NewDisposeScope();
        var codes = zeros(20, 4);
        codes.index_put_(ones(20), TensorIndex.Colon, TensorIndex.Single(1));
        codes[0][2].fill_(3);
        codes.narrow(0, 0, 3).select(1, 3).fill_(.5f);
        using var dense = new DenseCodes(codes.clone());
        var usage = new FeatureUsage(4);
        usage.Add(CodeEntries.Of(dense), rowsPerPicture: 5);
        var report = usage.Report();
        Assert.Equal((1, 2), (report.Dead, report.Dense));
        Assert.Equal((2, 1), (usage.Report(new UsageOptions { Dead = .05, Dense = .2 }).Dead, usage.Report(new UsageOptions { Dead = .05, Dense = .2 }).Dense));
        Assert.Equal(4, report.Histogram.Sum());
        Assert.Equal((1, 1, 1), (report.Histogram[0], report.Histogram[86], report.Histogram[99]));
        // Feature 1 fires on 5 tokens of each picture, 2 on one token of one, 3 on three of one.
        Assert.Equal((5 + 1 + 3) / 3.0, report.Extent, 1e-9);
        Assert.Equal((4 + 2) / 4.0, report.L0ImageUnique, 1e-9);
        Assert.Equal([0, 1, 3, .5f], usage.Highest);
        Assert.Equal(24 / 4.0, report.L0ImageSum, 1e-9);
    }

    [Fact]
    public void Thresholds_out_of_range_are_refused_all_at_once()
    {
        var error = Assert.Throws<OptionsException>(() => new UsageOptions { Dead = -1, Dense = 2, Bins = 0 }.Validate());
        foreach (var word in new[] { "dead", "dense", "bars" }) Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => new FeatureUsage(3).Report());
    }

    [Fact]
    public void A_source_is_measured_round_once()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(6, 20);
        var x = randn(100, 6);
        using var source = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = x.clone() }, seed: 4);
        var result = CoderEvaluation.Run(coder, source, "x", batch: 50);
        Assert.Equal(100, result.Report["all"].Count);
        Assert.Equal(Measure(coder, x)["all"][MetricName.Global], result.Report["all"][MetricName.Global], 1e-5);
    }

    private static CoderReport Measure(ISparseCoder coder, Tensor x)
    {
        var measurement = new CoderMeasurement(coder);
        measurement.Add(x);
        return measurement.Report();
    }
}
