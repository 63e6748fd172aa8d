using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Runs of the trainer: the same weights whether stopped or not, recovery of planted features, refusals before any work.</summary>
public sealed class TrainerTests
{
    private const int Width = 8;

    // Losses whose target is the error as a constant: finite differences see the error move.
    private static readonly Dictionary<string, (string, JsonNode)[]> s_detached = new()
    {
        ["mutual_choice"] = [("aux_zipf", 0)],
        ["feature_choice"] = [("aux_zipf", 0)],
    };

    public static TheoryData<string> Architectures => [.. ArchitectureCatalog.Default.Names];

    [Theory, MemberData(nameof(Architectures))]
    public void A_stopped_and_resumed_run_ends_with_the_same_weights(string architecture)
    {
        using var folder = new TempFolder();
        using var data = WithGradients(rows: 256, seed: 3);
        var jobs = new[] { Job(architecture), Job(architecture) with { Name = "twin", Seed = 9 }, Job("topk") with { Name = "second" } };
        var options = new RunOptions { Steps = 23, BatchRows = 32, Seed = 5, CheckpointEvery = 5, LogEvery = 4 };
        var whole = Final(jobs, data, options, null);
        var place = System.IO.Path.Combine(folder.Path, "run");
        using (var stop = new CancellationTokenSource())
        {
            var sink = new StopAt(13, stop);
            Assert.Throws<OperationCanceledException>(() => Trainer.Fit(jobs, data, options with { LogEvery = 1 }, sink, new TrainCheckpoint(place, jobs, data, options), stop.Token));
        }
        var resumed = Final(jobs, data, options, new TrainCheckpoint(place, jobs, data, options));
        Assert.Equal(whole.Keys.Order(), resumed.Keys.Order());
        foreach (var (name, value) in whole) Assert.True(value.AsSpan().SequenceEqual(resumed[name]), $"{name} differs");
    }

    [Theory, MemberData(nameof(Architectures))]
    public void Gradients_are_those_of_finite_differences(string architecture)
    {
        using var scope = NewDisposeScope();
        using var coder = ArchitectureCatalog.Default.Create(Settings(architecture, [.. s_detached.GetValueOrDefault(architecture, [])]), new CoderShape(4, 6), seed: 2);
        using var generator = new Generator(7);
        var x = randn(3, 4, generator: generator);
        // What a coder follows from step to step stands still here.
        var state = coder.State.ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        Tensor Total()
        {
            using (no_grad())
                foreach (var (name, value) in state) coder.State[name].copy_(value);
            using var dead = new DeadFeatures(new DeadOptions(), 6);
            var terms = coder.Loss(new TrainRows(x, x) { Gradients = x }, new StepInfo { Step = 0, TotalSteps = 10, Dead = dead, Seed = 3 });
            return terms.Where(term => term.Weight != 0).Select(term => term.Value * term.Weight).Aggregate((sum, term) => sum + term);
        }
        // A detached decoder changes the value and not the gradient of gated coders: only what is not detached there can be compared.
        var parameter = coder.Parameters[architecture switch
        {
            "gated" or "gated_p_anneal" => "magnitude_bias",
            "archetypal" => "mixture",
            "bias_adaptation" or "mutual" => "encoder",
            _ => "decoder",
        }];
        var gradient = autograd.grad([Total()], [parameter])[0].flatten();
        const float Step = 2e-3f;
        for (var k = 0; k < gradient.shape[0]; k += 5)
        {
            var place = parameter.detach().view(-1).narrow(0, k, 1);
            double Moved(float by)
            {
                using var frozen = no_grad();
                place.add_(by);
                var total = Total().to(float64).item<double>();
                place.add_(-by);
                return total;
            }
            var numeric = (Moved(Step) - Moved(-Step)) / (2 * Step);
            var exact = gradient[k].item<float>();
            Assert.True(Math.Abs(numeric - exact) <= 2e-2 * Math.Max(1, Math.Abs(numeric)), $"{k}: {exact:g5}, finite differences {numeric:g5}");
        }
    }

    [Fact]
    public void Planted_features_are_found()
    {
        // 24 features in 16 dimensions, each active in about a tenth of the rows.
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        var truth = nn.functional.normalize(randn(24, 16, generator: generator));
        var active = rand([8192L, 24L], generator: generator).lt(0.08).to(float32);
        var x = (active * (rand([8192L, 24L], generator: generator) + 0.5)).matmul(truth);
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = x.DetachFromDisposeScope() }, seed: 1);
        var settings = TrainJson.Settings(new JsonObject
        {
            ["architecture"] = "topk",
            ["options"] = new JsonObject { ["k"] = 3, ["start"] = new JsonObject { ["bias"] = "zero" } },
            ["optimizer"] = new JsonObject { ["learning_rate"] = 0.003 },
            ["dead"] = new JsonObject { ["after"] = 20000 },
            ["update"] = new JsonArray("loss", "project", "clip(1)", "step", "unit_decoder"),
        }, "planted");
        var job = new TrainJob { Name = "planted", Reads = ["x"], Writes = ["x"], Features = 32, Settings = settings };
        var runs = Trainer.Fit([job], data, new RunOptions { Steps = 2500, BatchRows = 256 }, new Quiet());
        using var run = runs[0];
        var cosine = truth.matmul(nn.functional.normalize(run.Coder.Decoder.detach()).t()).amax(1).mean().item<float>();
        Assert.True(cosine >= 0.95, $"mean best cosine {cosine}");
    }

    [Fact]
    public void Crosscoders_and_transcoders_are_the_same_architectures_over_other_columns()
    {
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["a"] = randn(64, Width), ["b"] = randn(64, Width), ["wide"] = randn(64, 12) }, seed: 1);
        var jobs = new[]
        {
            new TrainJob { Name = "cross", Reads = ["a", "b"], Writes = ["a", "b"], Features = 16, Settings = Settings("batchtopk") },
            new TrainJob { Name = "trans", Reads = ["a"], Writes = ["wide"], Features = 16, Settings = Settings("standard", ("input_bias", "none"), ("skip", true)) },
        };
        var runs = Trainer.Fit(jobs, data, new RunOptions { Steps = 3, BatchRows = 16 }, new Quiet());
        Assert.Equal((16, 16), (runs[0].Coder.Shape.Width, runs[0].Coder.Shape.OutputWidth));
        using var coder = runs[1].Coder.Freeze();
        Assert.Equal((Width, 12), (coder.Card.Inputs, coder.Card.Outputs));
        foreach (var run in runs) run.Dispose();
    }

    [Fact]
    public void A_frozen_crosscoder_ranks_as_it_did_in_training()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var settings = new CoderSettings { Architecture = "topk", Options = new TopKOptions { K = 3, RanksByLength = true, Aux = new AuxOptions { Weight = 0 } } };
        using var coder = ArchitectureCatalog.Default.Create(settings, new CoderShape([3, 5], 24, [3, 5]), seed: 6);
        // Rows that are spread unevenly over the sites: the sum of the lengths at each is not the length of the whole.
        using (no_grad()) coder.Decoder.copy_(coder.Decoder * rand([24L, 8L], generator: generator).gt(0.5).to(float32) * 2);
        var x = randn(40, 8, generator: generator);
        using var dead = new DeadFeatures(new DeadOptions(), 24);
        var trained = coder.Loss(new TrainRows(x, x), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead })[0].Value.item<float>();
        using var frozen = coder.Freeze();
        using var codes = frozen.Encode(x);
        Assert.Equal(trained, (frozen.Decode(codes, x) - x).square().sum(1).mean().item<float>(), 1e-4 * trained);
    }

    [Theory]
    [InlineData("""{"steps": 3, "coders": [{"architecture": "topk", "features": 16, "options": {"kk": 3}}]}""", "'kk' is no setting")]
    [InlineData("""{"steps": 3, "batch_rows": 8, "coders": [{"architecture": "topk", "features": 16, "options": {"k": 17}}]}""", "k = 17")]
    [InlineData("""{"steps": 3, "coders": [{"architecture": "topp", "features": 16}]}""", "no architecture 'topp'")]
    [InlineData("""{"steps": 3, "coders": [{"preset": "saelens/topk", "features": 16}]}""", "no preset 'saelens/topk'")]
    [InlineData("""{"steps": 3, "batch_rows": 8, "coders": [{"architecture": "topk", "features": 16, "reads": "y", "options": {"k": 2}}]}""", "the data has no 'y'")]
    [InlineData("""{"steps": 3, "precision": "bfloat16", "coders": [{"architecture": "standard", "features": 16}]}""", "precision = bfloat16 is refused")]
    [InlineData("""{"steps": 3, "batch": 5, "coders": []}""", "'batch' is no setting")]
    [InlineData("""{"steps": 3, "batch_rows": 1000, "coders": [{"architecture": "topk", "features": 16, "options": {"k": 2}}]}""", "fewer than one batch")]
    [InlineData("""{"steps": 3, "batch_rows": 8, "coders": [{"architecture": "topk", "features": 16, "options": {"k": 2}, "update": ["step"]}]}""", "'loss' and then 'step'")]
    [InlineData("""{"steps": 3, "batch_rows": 8, "coders": [{"architecture": "topk", "options": {"k": 2}}]}""", "either 'features' or 'expansion'")]
    public void What_does_not_work_is_said_before_any_work(string json, string message)
    {
        using var data = Data(64, null);
        var fault = Assert.ThrowsAny<PrismaException>(() =>
        {
            var config = RunConfig.Read((JsonObject)JsonNode.Parse(json)!, data.Columns);
            foreach (var run in Trainer.Fit(config.Jobs, data, config.Options, new Quiet())) run.Dispose();
        });
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_with_NaN_or_without_rows_is_refused()
    {
        var broken = randn(8, 4);
        broken.narrow(0, 3, 1).fill_(double.NaN);
        Assert.Contains("row 3", Assert.Throws<OptionsException>(() => new MatrixSource(new Dictionary<string, Tensor> { ["x"] = broken }, null)).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => new MatrixSource(new Dictionary<string, Tensor> { ["x"] = zeros(0, 4) }, null));
    }

    [Fact]
    public void Every_preset_can_be_made_and_makes_a_step()
    {
        var x = randn(600, Width);
        foreach (var name in Presets.All.Keys)
        {
            using var scope = NewDisposeScope();
            var settings = TrainJson.Settings(new JsonObject { ["preset"] = name }, name);
            // Those that need a model are tried with one, in the tests of end-to-end training.
            if (settings.Options.Missing(gradients: true, model: false) is not null) continue;
            if (settings.Options is SelectiveOptions selective) settings = settings with { Options = selective with { K = 2 } };
            using var training = new CoderTraining(settings, new CoderShape(Width, 512), totalSteps: 10, seed: 1);
            training.Begin(new TrainRows(x, x));
            Assert.True(double.IsFinite(training.Step([new TrainRows(x, x) { Gradients = x }]).Total), name);
        }
    }

    [Fact]
    public void The_geometric_median_is_the_references()
    {
        foreach (var (name, tolerance) in new[] { ("dl_topk_step0_geometric_median", 1e-4), ("prisma_geometric_median", 1e-5) })
        {
            using var scope = NewDisposeScope();
            using var expected = TensorSource.Open(Fixture.Path($"train/{name}/expected.safetensors"));
            var want = expected.Get("median").ToTensor().to(float32);
            Close.Check(name, GeometricMedian.Of(expected.Get("points").ToTensor().to(float32)), want, atol: tolerance * want.abs().max().item<float>(), rtol: 0);
        }
    }

    private static MatrixSource Data(int rows, long? seed) =>
        new(new Dictionary<string, Tensor> { ["x"] = randn(rows, Width, generator: new Generator(17)) }, seed);

    private static MatrixSource WithGradients(int rows, long? seed) => new(new Dictionary<string, Tensor>
    {
        ["x"] = randn(rows, Width, generator: new Generator(17)),
        ["x.gradient"] = randn(rows, Width, generator: new Generator(18)),
    }, seed);

    private static TrainJob Job(string architecture) => new() { Name = architecture, Reads = ["x"], Writes = ["x"], Features = 24, Gradients = architecture == "gradient" ? "x.gradient" : null, Settings = Settings(architecture) };

    private static CoderSettings Settings(string architecture, params (string Key, JsonNode Value)[] more)
    {
        var options = new JsonObject();
        if (ArchitectureCatalog.Default.OptionsOf(architecture).GetProperty("K") is not null) options["k"] = 2;
        if (architecture == "bias_adaptation") options["groups"] = 2;
        if (architecture == "end_to_end") (options["output"], options["local"]) = (0, 1);  // with its model it has tests of its own
        if (architecture == "matryoshka") options["groups"] = new JsonArray(0.25, 0.25, 0.5);
        foreach (var (key, value) in more) options[key] = value;
        return TrainJson.Settings(new JsonObject
        {
            ["architecture"] = architecture,
            ["options"] = options,
            ["optimizer"] = new JsonObject { ["learning_rate"] = 0.01 },
            ["dead"] = new JsonObject { ["after"] = 100 },
        }, architecture);
    }

    private static Dictionary<string, byte[]> Final(IReadOnlyList<TrainJob> jobs, IActivationSource data, RunOptions options, TrainCheckpoint? checkpoint)
    {
        var runs = Trainer.Fit(jobs, data, options, new Quiet(), checkpoint);
        var all = runs.SelectMany((run, k) => run.Snapshot().Select(entry => ($"{k}.{entry.Name}", entry.Value.detach().contiguous().bytes.ToArray()))).ToDictionary(entry => entry.Item1, entry => entry.Item2);
        foreach (var run in runs) run.Dispose();
        return all;
    }

    private sealed class StopAt(long step, CancellationTokenSource stop) : ITrainSink
    {
        public void Measured(TrainMeasurement measurement)
        {
            if (measurement.Step == step) stop.Cancel();
        }

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
