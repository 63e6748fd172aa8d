using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>What is said about dictionaries and between them.</summary>
public sealed class DictionaryTests
{
    [Fact]
    public void A_shuffled_rescaled_copy_is_matched_after_folding_only()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (encoder, decoder, thresholds) = (randn(12, 40, generator: generator), randn(12, 40, generator: generator), rand(12, generator: generator) + 0.5);
        var order = randperm(12, int64, generator: generator);
        // The same function with other scales: each feature up to e⁵ times as strong and as much shorter written.
        var scale = (rand(12, generator: generator) * 10 - 5).exp();
        using var one = Jump(encoder, decoder, thresholds);
        using var other = Jump((encoder * scale.unsqueeze(1)).index_select(0, order), (decoder / scale.unsqueeze(1)).index_select(0, order), (thresholds * scale).index_select(0, order));
        var (folded, raw) = (LayerMatch.Of(one, other), LayerMatch.Of(one, other, fold: false));
        var back = order.data<long>().ToArray();
        for (var k = 0; k < 12; k++) Assert.Equal(k, back[folded.Partner[k]]);
        Assert.True(folded.MeanError < 1e-6 && raw.MeanError > 1, $"{folded.MeanError}, {raw.MeanError}");
        Assert.Equal(1, folded.MeanCosine, 1e-5);
        // One after the other is the identity, and a layer skipped over itself loses nothing.
        Assert.Equal(Enumerable.Range(0, 12), folded.Then(LayerMatch.Of(other, one)));
        var x = randn(200, 40, generator: generator);
        var (skipped, own) = folded.Explained(one, other, x, x);
        Assert.Equal(own, skipped, 1e-4);
        using var small = Toy(randn(3, 40, generator: generator), randn(3, 40, generator: generator));
        Assert.Throws<ShapeException>(() => LayerMatch.Of(one, small));
    }

    [Fact]
    public void Stitching_ends_at_the_large_dictionary_and_tells_new_features_from_known()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        // Eight orthogonal directions; the small dictionary knows four, the large all, one of those twice with the halves apart.
        var axes = eye(8, 16);
        var rows = rand(300, 8, generator: generator) * rand(300, 8, generator: generator).gt(0.6).to(float32);
        var x = rows.matmul(axes);
        using var small = Toy(axes.narrow(0, 0, 4), axes.narrow(0, 0, 4), 16);
        using var large = Toy(axes.flip(0), axes.flip(0), 16);
        var found = Stitching.Of(small, large, x);
        Assert.Equal(4, found.Novel().Count);
        Assert.All(found.Novel(), feature => Assert.True(feature < 4 && found.Changes[feature] < 0));
        Assert.All(Enumerable.Range(4, 4), feature => Assert.True(found.Changes[feature] > 0 && found.Nearest[feature] == 7 - feature));
        Assert.Equal(1, found.Auc);
        Assert.Equal(1 + 4 + 4, found.Steps.Count);
        double Mse(ISparseCoder coder)
        {
            using var codes = coder.Encode(x);
            return (x - coder.Decode(codes, x)).square().sum(1L).mean().item<float>();
        }
        Assert.Equal(Mse(small), found.Steps[0].Mse, 1e-5);
        Assert.Equal(Mse(large), found.Steps[^1].Mse, 1e-5);
        // New features only lower the error; their changes alone add up where they do not overlap.
        Assert.Equal(found.Steps[0].Mse + found.Novel().Sum(feature => found.Changes[feature]), found.Steps[4].Mse, 1e-5);
        Assert.Equal(rows.ne(0).sum().item<long>() / 300.0, found.Steps[^1].Active, 1e-5);
    }

    [Fact]
    public void Stitching_reaches_any_large_dictionary_in_any_case()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(8);
        var x = randn(100, 40, generator: generator);
        using var small = Toy(randn(5, 40, generator: generator), randn(5, 40, generator: generator), bias: randn(40, generator: generator));
        using var large = Toy(randn(12, 40, generator: generator), randn(12, 40, generator: generator), bias: randn(40, generator: generator));
        using var codes = large.Encode(x);
        var steps = Stitching.Of(small, large, x, threshold: 0.2).Steps;
        Assert.Equal(1, steps[^1].Mse / (x - large.Decode(codes, x)).square().sum(1L).mean().item<float>(), 1e-4);
        Assert.Equal(Enumerable.Range(0, 12), steps.SelectMany(step => step.Added).Order());
        Assert.Equal(Enumerable.Range(0, 5), steps.SelectMany(step => step.Removed).Order());
    }

    [Fact]
    public void A_dictionary_of_sums_of_atoms_is_taken_apart()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        const int atoms = 24, width = 32, features = 276;
        var truth = nn.functional.normalize(randn(atoms, width, generator: generator));
        (int A, int B)[] pairs = [.. from a in Enumerable.Range(0, atoms) from b in Enumerable.Range(a + 1, atoms - a - 1) select (a, b)];
        var rows = stack(pairs.Select(pair => truth[pair.A] + truth[pair.B]));
        using var coder = Toy(rows, rows, width);
        using var meta = MetaDictionary.Train(coder, new MetaOptions { Features = 40, Active = 2, Steps = 1500, LearningRate = 3e-3 });
        Assert.Equal(features, pairs.Length);
        Assert.True(meta.Explained > 0.95, $"explained {meta.Explained}");
        var best = truth.matmul(nn.functional.normalize(meta.Coder.Directions).t()).max(1);
        Assert.True(best.values.mean().item<float>() > 0.9, $"atoms found up to {best.values.mean().item<float>()}");
        // Each feature is made of its two atoms.
        var names = best.indexes.data<long>().ToArray();
        var right = Enumerable.Range(0, features).Count(k => meta.Parts(k)[0].Meta == (int)names[pairs[k].A] || meta.Parts(k)[0].Meta == (int)names[pairs[k].B]);
        Assert.True(right > 0.9 * features, $"{right} of {features} features are led by one of their atoms");
        foreach (var (part, weight) in meta.Parts(7)) Assert.Contains((7, weight), meta.Members(part));
        Assert.Throws<OptionsException>(() => MetaDictionary.Train(coder, new MetaOptions { Features = 1 }));
    }

    [Fact]
    public void Crosscoders_tell_whose_a_feature_is_and_scaling_whose_it_only_seems_to_be()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        // Feature 0 is in both models, 1 in the second alone, 2 in both but the decoder wrote it off in the first: there it has half the strength.
        const int width = 6;
        var axes = eye(3, width);
        var z = rand(400, 3, generator: generator) + 0.1;
        var second = z.matmul(axes);
        var first = (z * tensor([1f, 0, 0.5f])).matmul(axes);
        var decoder = cat([axes * tensor([1f, 0, 0]).unsqueeze(1), axes], 1);
        using var coder = new StandardCoder(new CoderCard { Architecture = "standard", Inputs = 2 * width, Features = 3, Outputs = 2 * width, Sites = 2 },
            new CoderWeights { Encoder = cat([zeros(3, width), axes], 1), EncoderBias = zeros(3), Decoder = decoder, OutputBias = zeros(2 * width) });
        var weights = CrosscoderDiff.Of(coder);
        Assert.Equal([0.5, 1, 1], weights.Select(feature => Math.Round(feature.Share, 5)));
        Assert.Equal(1, weights[0].Cosine, 1e-5);
        Assert.Equal(double.NaN, weights[0].ErrorRatio);
        var scaled = CrosscoderDiff.Of(coder, stack([first, second], 1));
        Assert.Equal(0, scaled[1].ErrorRatio, 1e-4);
        Assert.Equal(0.5, scaled[2].ErrorRatio, 1e-4);
        Assert.Equal(0, scaled[2].ReconstructionRatio, 1e-4);
        using var one = Toy(axes, axes, width, features: 3);
        Assert.Throws<ShapeException>(() => CrosscoderDiff.Of(one));
    }

    [Fact]
    public void Features_are_followed_through_checkpoints()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var (a, b) = (tensor([1f, 0, 0, 1], [2, 2]), tensor([0f, 1, 0, 1], [2, 2]));
        var dynamics = FeatureDynamics.Of([a, b, a, b]);
        Assert.Equal([0, 1, 0, 1], Enumerable.Range(0, 4).Select(t => Math.Round(dynamics.Drift[t, 0], 5)));
        Assert.Equal([1, 1, 1, 1], Enumerable.Range(0, 4).Select(t => Math.Round(dynamics.Drift[t, 1], 5)));
        Assert.Equal(3 * Math.Sqrt(2), dynamics.PathLength[0], 1e-5);
        Assert.Equal(Math.Sqrt(2), dynamics.Displacement[0], 1e-5);
        Assert.Equal(0, dynamics.PathLength[1]);
        // A tight cluster has formed, random tokens have not; codes are compared by their overlap.
        var values = cat([ones(10, 4) + randn(10, 4, generator: generator) * 0.01, randn(40, 4, generator: generator)], 0);
        int[] cluster = [.. Enumerable.Range(0, 10)], strangers = [.. Enumerable.Range(10, 40)];
        Assert.True(FeatureDynamics.Progress(values, cluster, strangers) > 0.8);
        Assert.Equal(0, FeatureDynamics.Progress(values, strangers[..20], strangers[20..]), 0.15);
        Assert.Equal(1 - 1.0 / 3, FeatureDynamics.Progress(tensor([1f, 1, 1, 1, 1, 0, 1, 2], [4, 2]), [0, 1], [2, 3], jaccard: true), 1e-5);
        Assert.Throws<ShapeException>(() => FeatureDynamics.Of([a]));
        Assert.Throws<OptionsException>(() => FeatureDynamics.Progress(values, [1], strangers));
    }

    [Fact]
    public void Topics_score_what_is_excited_near_them()
    {
        using var scope = NewDisposeScope();
        var reference = tensor([1f, 0, 0, 1, 0.8f, 0.6f], [3, 2]);
        var codes = tensor([1f, 0, 0.5f, 0, 0, 1, 0.5f, 0, 0, 0, 0, 0], [3, 4]);
        var found = TopicAlignment.Of(codes, reference, tensor([2f, 0], [1, 2]));
        Assert.Equal([1, 0, 0.5, double.NaN], found.Scores.Select(score => Math.Round(score, 6)));
        Assert.Equal(0, found.Distances[0]);
        Assert.Equal(Math.Sqrt(2), found.Distances[1], 1e-9);
        Assert.Equal(0.75, found.Coverage);
        Assert.Equal([0, 2], found.Top(2));
        // What rounding leaves between two passes over the same example is no distance; what an example differs by is.
        Assert.Equal([0.0, 1e-3], TopicAlignment.Of(ones(2, 1), tensor([1f, 2e-6f, 1f, 1e-3f], [2, 2]), tensor([1f, 0], [1, 2])).Distances.Select(distance => Math.Round(distance, 6)));
        // A common scale of the codes changes nothing; a topic of everything tells nothing apart.
        Assert.Equal(found.Scores, TopicAlignment.Of(codes * 7, reference, tensor([2f, 0], [1, 2])).Scores);
        Assert.All(TopicAlignment.Of(codes, reference, reference).Scores.Take(3), score => Assert.Equal(1, score));
        // Scores choose feature 2 (4 · 0.5) over feature 1 (9 · 0) and the never seen one; swapping keeps its value, weighting halves it.
        Tiny.Near([0, 0, 4, 0], found.Steered(tensor([1f, 9, 4, 8], [1, 4]), 1).flatten());
        Tiny.Near([0, 0, 2, 0], found.Steered(tensor([1f, 9, 4, 8], [1, 4]), 1, swap: false).flatten());
    }

    [Fact]
    public void A_feature_that_is_a_class_steers_and_one_that_is_none_does_not()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(16);
        using var grey = zeros(1, 3, 16, 16);
        using var coder = DirectTests.Last(TokenScope.All);
        var classes = FeatureLogits.Of(coder, model).shape[1];
        var options = new SteeringOptions { Promoted = 1, Least = 2 };
        var driven = SteeringScores.Of(model, coder, [pictures], grey, [.. Enumerable.Range(0, coder.Card.Features)], options with { Strength = 1000 });
        var still = SteeringScores.Of(model, coder, [pictures], grey, [.. Enumerable.Range(0, coder.Card.Features)], options with { Strength = 0 });
        var plain = Tiny.Values(model.Run(grey).softmax(-1)[0]);
        foreach (var (hard, soft) in driven.Zip(still))
        {
            // Not driven: the model's own probability of the promoted class, by its rank.
            var own = plain[soft.Promoted[0]];
            Assert.Equal((1 - (double)plain.Count(other => other > own) / classes) * own, soft.Output, 1e-5);
            Assert.Equal(soft.Input, hard.Input);
            Assert.InRange(hard.Output, 0, 1);
        }
        Assert.Contains(driven, score => score.Output > 0.3 && score.Output > still[score.Feature].Output + 0.1);
        Assert.Throws<OptionsException>(() => SteeringScores.Of(model, coder, [pictures], grey, [9999]));
    }

    [Fact]
    public void Clamping_below_zero_forgets_a_class_and_keeps_the_rest()
    {
        using var scope = NewDisposeScope();
        // Class 1 by direction 1; class 0 by a constant lead; class 2 by direction 2. Feature 0 reads and writes direction 1.
        using var model = new StreamModel(layers: 1, heads: 2, width: 8, classes: 3);
        model.Head[1, 1].fill_(1);
        model.Head[2, 2].fill_(1);
        model.Head[0, 3].fill_(0.5);
        using var coder = new StandardCoder(new CoderCard { Architecture = "standard", Inputs = 8, Features = 3, Outputs = 8, Reads = [Site.ResidPost[0]], Writes = [Site.ResidPost[0]] },
            new CoderWeights { Encoder = eye(8).narrow(0, 1, 3).clone(), EncoderBias = tensor([-0.5f, -0.5f, 0]), Decoder = eye(8).narrow(0, 1, 3).clone(), OutputBias = zeros(8) });
        Tensor Streams(int direction)
        {
            var streams = zeros(4, 2, 8);
            streams.select(2, direction).fill_(3);
            streams.select(2, 3).fill_(1);
            return streams;
        }
        var (forget, retain) = (Streams(1), Streams(2));
        int[] features = [.. FeatureUnlearning.Choose(FeatureUnlearning.Densities(model, coder, forget), FeatureUnlearning.Densities(model, coder, retain))];
        Assert.Equal([0], features);
        var clamped = FeatureUnlearning.Measure(model, coder, features, -5, (forget, [1, 1, 1, 1]), (retain, [2, 2, 2, 2]));
        Assert.Equal(((1, 0), (1, 1)), (clamped.Forget, clamped.Retain));
        // The error keeps what lies below the threshold, 0.5, which still ties with class 0; only a negative value takes it out.
        var logits = new[] { 0.0, -5 }.Select(value => Tiny.Values(model.Run(forget, Splice.Into(HookPlan.Empty, coder, model, forget, SpliceOptions.Default with { Edits = [new FeatureEdit(0, FeatureAction.Clamp, value)] })).Main)[1]).ToList();
        Assert.Equal(5, logits[0] - logits[1], 1e-4);
        // Where a feature does not fire, nothing is clamped.
        Close.Check("silent", model.Run(retain, Splice.Into(HookPlan.Empty, coder, model, retain, SpliceOptions.Default with { Edits = [new FeatureEdit(0, FeatureAction.Clamp, -5)] })).Main, model.Run(retain), 0, 0);
        Assert.Equal(FeatureAction.Clamp, FeatureEdit.Parse("blocks.0.hook_resid_post:0=clamp -5").Edit.Action);
    }

    private static JumpReluCoder Jump(Tensor encoder, Tensor decoder, Tensor thresholds) =>
        new(new CoderCard { Architecture = "jumprelu", Inputs = 40, Features = 12, Outputs = 40 },
            new CoderWeights { Encoder = encoder.clone(), EncoderBias = zeros(12), Decoder = decoder.clone(), OutputBias = zeros(40) }, thresholds.clone());

    private static StandardCoder Toy(Tensor encoder, Tensor decoder, int width = 40, int? features = null, Tensor? bias = null) =>
        new(new CoderCard { Architecture = "standard", Inputs = width, Features = features ?? (int)encoder.shape[0], Outputs = width },
            new CoderWeights { Encoder = encoder.clone(), EncoderBias = zeros(encoder.shape[0]), Decoder = decoder.clone(), OutputBias = bias?.clone() ?? zeros(width) });
}
