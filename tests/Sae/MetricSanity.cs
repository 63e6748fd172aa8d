using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Tests.Circuits;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>The properties by which metrics of dictionaries are known to be what their names say, where no other test holds them.</summary>
public sealed class MetricSanity
{
    [Fact]
    public void Scaling_activations_and_predictions_scales_errors_as_they_should()
    {
        using var scope = NewDisposeScope();
        MetricRow Row(double c)
        {
            using var coder = Given.Coder(4, 6, _ => Given.Codes, _ => Given.Prediction * c);
            var measurement = new CoderMeasurement(coder);
            measurement.Add(Given.X * c);
            return measurement.Report()["all"];
        }
        var (one, five) = (Row(1), Row(-5));
        Assert.Equal(25 * one[MetricName.Mse], five[MetricName.Mse], 1e-9);
        Assert.Equal(5 * one[MetricName.L2Loss], five[MetricName.L2Loss], 1e-9);
        foreach (var name in new[] { MetricName.Nmse, MetricName.Fvu, MetricName.Global, MetricName.CentredResidual, MetricName.TokenRatio, MetricName.Cosine, MetricName.L2Ratio, MetricName.Bias })
            Assert.Equal(one[name], five[name], 1e-9);
        Assert.Equal(one[MetricName.Mse], 4 * one[MetricName.MseElement], 1e-9);
    }

    [Fact]
    public void Predicting_the_mean_explains_nothing()
    {
        using var scope = NewDisposeScope();
        using var coder = Given.Coder(4, 6, _ => Given.Codes, x => x.mean([0], keepdim: true).expand(x.shape));
        var measurement = new CoderMeasurement(coder);
        measurement.Add(Given.X);
        var row = measurement.Report()["all"];
        foreach (var name in new[] { MetricName.Global, MetricName.CentredResidual, MetricName.TokenRatio, MetricName.PerDim }) Assert.Equal(0, row[name], 1e-6);
        Assert.Equal(1, row[MetricName.Fvu], 1e-6);
    }

    [Fact]
    public void Usage_follows_features_wherever_they_stand_and_silent_ones_are_dead()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var x = randn(60, 6, generator: generator);
        using var coder = Toy.Random(6, 20);
        var order = randperm(20, int64, generator: generator);
        var weights = coder.Weights;
        using var shuffled = new StandardCoder(Toy.Card("standard", 6, 20), new CoderWeights
        {
            Encoder = weights.Encoder.index_select(0, order),
            EncoderBias = weights.EncoderBias.index_select(0, order),
            Decoder = weights.Decoder.index_select(0, order),
            OutputBias = weights.OutputBias.clone(),
            InputBias = weights.InputBias!.clone(),
        });
        long[] Counts(ISparseCoder one, out CoderReport report)
        {
            var measurement = new CoderMeasurement(one);
            measurement.Add(x);
            report = measurement.Report();
            return measurement.Usage.Counts;
        }
        var (before, after) = (Counts(coder, out var plain), Counts(shuffled, out var other));
        Assert.Equal(order.data<long>().ToArray().Select(k => before[k]), after);
        Assert.Equal(plain["all"][MetricName.Global], other["all"][MetricName.Global], 1e-6);
        // The densities of all features together are L0.
        Assert.Equal(plain["all"][MetricName.L0], before.Sum() / 60.0, 1e-9);
        using var silent = Laws.Zero(6, Toy.Card("standard", 6, 6));
        Assert.Equal(0, Counts(silent, out var dead).Sum());
        Assert.Equal(0, dead.Usage.Alive);
    }

    [Fact]
    public void Unit_directions_with_codes_in_return_predict_the_same()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var x = randn(30, 6, generator: generator);
        using var coder = Toy.Random(6, 20);
        using var folded = new StandardCoder(Toy.Card("standard", 6, 20), coder.Weights.FoldDecoderNorms().Folded);
        using var before = coder.Encode(x);
        using var after = folded.Encode(x);
        Close.Check("prediction", folded.Decode(after, x), coder.Decode(before, x), 1e-5);
        Close.Check("length", folded.Directions.norm(1), ones(20), 1e-6);
    }

    [Fact]
    public void Matching_pursuit_is_the_worked_example_and_never_loses_what_it_has()
    {
        using var scope = NewDisposeScope();
        var directions = nn.functional.normalize(Tiny.G(6, 4, 3)).to(float32);
        var x = Given.X.to(float32);
        Tensor Codes(Tensor rows, Tensor dictionary, int k)
        {
            using var inner = NewDisposeScope();
            var (features, width) = ((int)dictionary.shape[0], (int)dictionary.shape[1]);
            using var coder = new MatchingPursuitCoder(Toy.Card("matching-pursuit", width, features),
                new CoderWeights { Encoder = dictionary.clone(), EncoderBias = zeros(features), Decoder = dictionary.clone(), OutputBias = zeros(width) }, k);
            using var codes = coder.Encode(rows);
            return codes.ToDense().MoveToOuterDisposeScope();
        }
        Tiny.Near([-1.668359, 0, 0, 0.197247, 0, 0.292860], Codes(x, directions, 3)[0], 1e-5);
        var left = x.norm(1);
        for (var k = 1; k <= 6; k++)
        {
            var next = (x - Codes(x, directions, k).matmul(directions)).norm(1);
            Assert.True((next - left).max().item<float>() <= 1e-6f, $"round {k}");
            left = next;
        }
        // Over an orthonormal basis it takes the largest products one after another, and all of them are the vector itself.
        var (rotated, _, _) = linalg.svd(Tiny.G(4, 4, 5).to(float32));
        var basis = rotated.contiguous();
        var products = x.matmul(basis.t());
        var places = products.abs().topk(2, dim: 1).indexes;
        Close.Check("largest products", Codes(x, basis, 2), products.zeros_like().scatter(1, places, products.gather(1, places)), 1e-5);
        Close.Check("everything", Codes(x, basis, 4).matmul(basis), x, 1e-5);
    }

    [Fact]
    public void Unbiased_independence_averages_to_nothing_and_the_biased_kind_does_not()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (unbiased, biased) = (new List<double>(), new List<double>());
        for (var draw = 0; draw < 60; draw++)
        {
            using var inner = NewDisposeScope();
            var (x, y) = (randn(40, 5, generator: generator).to(float64), randn(40, 6, generator: generator).to(float64));
            unbiased.Add(Cka.Debiased(x, y));
            biased.Add(Cka.Linear(x, y));
        }
        Assert.Equal(0, unbiased.Average(), 0.02);
        Assert.True(biased.Average() > 0.08, $"{biased.Average()}");
        // Neighbours in one are neighbours in the other by chance alone: k/n of them.
        Assert.InRange(Cka.NearestNeighbours(randn(500, 5, generator: generator), randn(500, 6, generator: generator), 5), -0.05, 0.05);
    }

    [Fact]
    public void The_worked_assignment_keeps_the_order_and_strangers_in_many_dimensions_stay_apart()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (a, b) = (nn.functional.normalize(Tiny.G(6, 4, 3)).narrow(0, 0, 4), nn.functional.normalize(Tiny.G(4, 4, 4)));
        var alike = a.matmul(b.t());
        var numbers = Tiny.Values(alike);
        var square = new double[4, 4];
        for (var k = 0; k < 16; k++) square[k / 4, k % 4] = numbers[k];
        var partner = Assignment.OfLargest(square);
        Assert.Equal([0, 1, 2, 3], partner);
        Assert.Equal(0.495392, partner.Select((column, row) => square[row, column]).Average(), 1e-6);
        Tensor Draw() => randn(50, 768, generator: generator);
        using var one = Wide(Draw(), Draw());
        using var other = Wide(Draw(), Draw());
        Assert.All(SeedOverlap.Of(one, other).Cosines, cosine => Assert.True(cosine < 0.2, $"{cosine}"));
        StandardCoder Wide(Tensor encoder, Tensor decoder) => new(Toy.Card("standard", 768, 50), new CoderWeights { Encoder = encoder, EncoderBias = zeros(50), Decoder = decoder, OutputBias = zeros(768) });
    }

    [Fact]
    public void More_features_never_tell_a_concept_worse_but_for_noise()
    {
        using var scope = NewDisposeScope();
        bool[] labels = [.. Enumerable.Range(0, 600).Select(k => k % 2 == 0)];
        var numbers = new[] { 1, 2, 5, 10 };
        // The mean of ten draws: where two features disagree the last bit of their weights answers, which makes one draw a matter of luck.
        var draws = Enumerable.Range(0, 10).Select(Draw).ToList();
        var scores = numbers.Select((_, k) => draws.Average(draw => draw[k])).ToList();
        for (var k = 1; k < scores.Count; k++) Assert.True(scores[k] >= scores[k - 1] - 0.03, string.Join(", ", scores));
        Assert.True(scores[^1] > scores[0] + 0.1, string.Join(", ", scores));

        double[] Draw(int seed)
        {
            using var generator = new Generator((ulong)seed);
            // Ten features, each right four times out of five on its own.
            var flips = rand(600, 10, generator: generator).lt(0.2);
            var codes = (tensor([.. labels.Select(label => label ? 1f : 0)], [600, 1]) - flips.to(float32)).abs();
            return [.. numbers.Select(k => SparseProbing.Score(codes.narrow(0, 0, 300), labels[..300], codes.narrow(0, 300, 300), labels[300..], k).Accuracy)];
        }
    }

    [Fact]
    public void Showing_every_picture_twice_makes_a_feature_look_purer()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (codes, pictures) = (rand(12, 3, generator: generator), randn(12, 5, generator: generator));
        IReadOnlyList<double> Scores(Tensor a, Tensor p)
        {
            using var score = new Monosemanticity();
            score.Add(a, p);
            return [.. score.Scores()];
        }
        var (once, twice) = (Scores(codes, pictures), Scores(cat([codes, codes]), cat([pictures, pictures])));
        for (var k = 0; k < 3; k++) Assert.True(once[k] < twice[k] && twice[k] < 1, $"{once[k]}, {twice[k]}");
    }

    [Fact]
    public void A_feature_that_is_the_heads_own_row_steers_to_its_class()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(12);
        using var grey = zeros(1, 3, 16, 16);
        var readout = Assert.IsAssignableFrom<ILogitReadout>(model);
        // Each feature writes what the head reads for one class through the final norm, freed of what all classes share.
        var rows = readout.Readout!.Matrix.Value * readout.FinalNorm.Gain;
        rows -= rows.mean([0], keepdim: true);
        using var generator = new Generator(3);
        using var coder = new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = 16, Features = 5, Outputs = 16, Reads = [Site.ResidPost[1]], Writes = [Site.ResidPost[1]], Origin = new Provenance { Scope = TokenScope.All } },
            new CoderWeights { Encoder = randn(5, 16, generator: generator), EncoderBias = zeros(5), Decoder = rows.clone(), OutputBias = zeros(16) });
        foreach (var score in SteeringScores.Of(model, coder, [pictures], grey, [0, 1, 2, 3, 4], new SteeringOptions { Promoted = 1, Strength = 1000, Least = 1 }))
        {
            Assert.Equal(score.Feature, score.Promoted[0]);
            // The final norm bounds how sure the model can become: as sure as of the direction alone.
            var own = readout.Unembed(rows[score.Feature].unsqueeze(0) * 1e4).softmax(-1)[0];
            Assert.Equal(own[score.Feature].item<float>(), score.Output, 0.02);
            Assert.Equal(own.max().item<float>(), own[score.Feature].item<float>());
        }
    }
}
