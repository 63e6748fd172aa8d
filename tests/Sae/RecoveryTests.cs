using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Planted features are found, and what the papers say of architectures shows on the sets that they are about.</summary>
public sealed class RecoveryTests
{
    private const double Found = 0.95;

    [Fact]
    public void Superposed_features_are_found()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Superposed(48, 32, 8192, 0.05, 11);
        AssertFound(set, Trained("topk", set, 56, """{"k": 3}"""));
    }

    [Fact]
    public void Features_that_come_in_groups_are_found()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Correlated(8, 5, 32, 8192, 12);
        AssertFound(set, Trained("batchtopk", set, 48, """{"k": 3}"""));
    }

    [Fact]
    public void Features_of_falling_frequency_are_found_and_feature_choice_leaves_none_dead()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Zipf(32, 24, 8192, 0.5, 13);
        using var training = Training("feature_choice", set, 40, """{"k": 2, "zipf": {"exponent": 1, "decay": 0.98}}""");
        AssertFound(set, training.Coder.Decoder.detach());
        Assert.Equal(0, training.Dead.Mask.sum().item<long>());
    }

    [Fact]
    public void Biases_that_aim_at_the_features_frequency_find_them()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Superposed(32, 32, 8192, 0.04, 14);
        AssertFound(set, Trained("bias_adaptation", set, 64, """{"groups": 1, "highest": 0.06, "lowest": 0.06, "input_norm": "none", "every": 10, "lowers": 0.05, "raises": 0.05}"""));
    }

    [Fact]
    public void Penalties_on_size_shrink_and_a_fixed_number_of_features_does_not()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Orthonormal(16, 8192, 0.1, 15);
        double Bias(string architecture, string options)
        {
            using var training = Training(architecture, set, 16, options);
            using var coder = training.Coder.Freeze();
            using var codes = coder.Encode(set.X);
            var guess = coder.Decode(codes, set.X);
            return (guess.square().sum() / (guess * set.X).sum()).item<float>();
        }
        // Each active value loses λ/2.
        Assert.Equal(1 - 0.4 / 2, Bias("standard", """{"l1": 0.4, "weighs_by_length": false, "input_bias": "none"}"""), 0.04);
        Assert.Equal(1, Bias("topk", """{"k": 6}"""), 0.02);
    }

    [Fact]
    public void A_parent_is_not_silent_where_a_child_fires_in_nested_dictionaries()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.ParentAndChildren(3, 8, 8192, 0.25, 16);
        var child = set.Strength.narrow(1, 1, 3).sum([1L]).gt(0).to(float32);
        // The first dictionary is two features: one has to be the parent, whose direction leans a little to its children. From some starts a feature never
        // fires at all; from most it is found.
        var found = Enumerable.Range(1, 4).Count(seed =>
        {
            using var training = Training("matryoshka", set, 8, """{"k": 0.6, "widths": [2, 8], "threshold": {"after": 100}}""", seed);
            using var coder = training.Coder.Freeze();
            using var codes = coder.Encode(set.X);
            var (cosine, place) = nn.functional.normalize(training.Coder.Decoder.detach().narrow(0, 0, 2)).matmul(set.Truth.t()).select(1, 0).max(0);
            var fires = codes.ToDense().select(1, place.item<long>()).gt(0).to(float32);
            return cosine.item<float>() > 0.8 && (fires * child).sum().item<float>() >= 0.95 * child.sum().item<float>();
        });
        Assert.True(found >= 2, $"found from {found} of 4 starts");
    }

    [Fact]
    public void Signed_codes_need_half_the_features_for_concepts_with_opposites()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Bidirectional(20, 16, 8192, 0.08, 17);
        double Cosine(string architecture, bool bothSigns)
        {
            var rows = nn.functional.normalize(Trained(architecture, set, 20, """{"k": 2}"""));
            var cosines = set.Truth.matmul(rows.t());
            return bothSigns
                ? cosines.abs().amax(1).mean().item<float>()
                : (cosines.amax(1).mean().item<float>() + cosines.neg().amax(1).mean().item<float>()) / 2;
        }
        var signed = Cosine("abstopk", bothSigns: true);
        Assert.True(signed >= Found, $"{signed}");
        Assert.True(Cosine("topk", bothSigns: false) < 0.85);
    }

    [Fact]
    public void A_crosscoder_tells_what_only_one_of_two_models_has()
    {
        using var scope = NewDisposeScope();
        const int Shared = 12, Alone = 4, Width = 16;
        var set = ToySets.TwoModels(Shared, Alone, Width, 8192, 0.08, 18);
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["a"] = set.X.narrow(1, 0, Width).clone(), ["b"] = set.X.narrow(1, Width, Width).clone() }, seed: 1);
        using var training = Fit(data, Job("batchtopk", 24, """{"k": 1.6, "ranks_by_length": true, "start": {"bias": "zero"}}""", ["a", "b"]));
        var rows = training.Coder.Decoder.detach();
        var (a, b) = (rows.narrow(1, 0, Width), rows.narrow(1, Width, Width));
        var share = (b.norm(1) - a.norm(1)) / a.norm(1).maximum(b.norm(1)) * 0.5 + 0.5;
        void Check(int from, int count, Tensor side, Tensor truth, double low, double high)
        {
            var (cosines, places) = truth.narrow(0, from, count).matmul(nn.functional.normalize(side).t()).max(1);
            Assert.True(cosines.mean().item<float>() >= Found, $"features {from} on: {cosines.mean().item<float>()}");
            for (var k = 0; k < count; k++) Assert.InRange(share[places[k].item<long>()].item<float>(), low, high);
        }
        var (first, second) = (nn.functional.normalize(set.Truth.narrow(1, 0, Width)), nn.functional.normalize(set.Truth.narrow(1, Width, Width)));
        Check(0, Shared, a, first, 0.3, 0.7);
        Check(Shared, Alone, a, first, 0, 0.1);
        Check(Shared + Alone, Alone, b, second, 0.9, 1);
    }

    [Fact]
    public void A_dictionary_of_sums_is_taken_apart()
    {
        using var scope = NewDisposeScope();
        var set = ToySets.Composed(800, 30, 32, 19);
        // With few active features from the start it would stay in a poor minimum.
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = set.X.clone() }, seed: 1);
        var job = Job("topk", 48, """{"k": 2}""", ["x"]);
        using var training = Fit(data, job with { Settings = job.Settings with { Schedule = job.Settings.Schedule with { KStart = 5, KSteps = 1000 } } });
        AssertFound(set, training.Coder.Decoder.detach());
    }

    private static void AssertFound(ToySet set, Tensor rows)
    {
        var cosine = set.Truth.matmul(nn.functional.normalize(rows).t()).amax(1).mean().item<float>();
        Assert.True(cosine >= Found, $"mean best cosine {cosine}");
    }

    private static Tensor Trained(string architecture, ToySet set, int features, string options)
    {
        using var training = Training(architecture, set, features, options);
        return training.Coder.Decoder.detach().clone();
    }

    private static CoderTraining Training(string architecture, ToySet set, int features, string options, long seed = 0)
    {
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = set.X.clone() }, seed: 1);
        return Fit(data, Job(architecture, features, options, ["x"]) with { Seed = seed });
    }

    private static TrainJob Job(string architecture, int features, string options, IReadOnlyList<string> columns)
    {
        var settings = TrainJson.Settings(new JsonObject
        {
            ["architecture"] = architecture,
            ["options"] = TrainJson.Merge(new JsonObject { ["start"] = new JsonObject { ["bias"] = "zero" } }, (JsonObject)JsonNode.Parse(options)!),
            ["optimizer"] = new JsonObject { ["learning_rate"] = 0.003 },
            ["schedule"] = new JsonObject { ["decay"] = 500 },
            ["dead"] = new JsonObject { ["after"] = 20000 },
            ["update"] = architecture == "bias_adaptation" || columns.Count > 1 ? new JsonArray("loss", "clip(1)", "step") : new JsonArray("loss", "project", "clip(1)", "step", "unit_decoder"),
        }, architecture);
        return new TrainJob { Name = architecture, Reads = columns, Writes = columns, Features = features, Settings = settings };
    }

    private static CoderTraining Fit(MatrixSource data, TrainJob job) => Trainer.Fit([job], data, new RunOptions { Steps = 2000, BatchRows = 256, LogEvery = 2000 }, new Quiet())[0];

    private sealed class Quiet : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) => Assert.InRange(measurement.Dead, 0, 1);

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
