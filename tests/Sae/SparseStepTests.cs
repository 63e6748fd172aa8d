using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>
/// Training through kept entries beside training over all features, from the same weights on the same rows: gradients of the first step, losses of
/// every step, parameters and optimisers' memory after a hundred.
/// </summary>
public sealed class SparseStepTests
{
    private const int Steps = 100, Rows = 48, Width = 20, Features = 72;

    // Options beside k = 5; the order of a step where it is not the usual one.
    public static TheoryData<string, string, string?> Cases => new()
    {
        { "topk", "{}", null },
        { "topk", """{"aux": {"weight": 0}, "reconstruction": "mse"}""", "loss project clip(0.5) step unit_decoder" },
        { "topk", """{"aux": {"weight": 0.2, "k": 2, "candidates": "raw", "adds_bias": true, "scale": "rows", "shrinks_with_few_dead": true}, "ranks_by_length": true}""", null },
        { "topk", """{"aux": {"weight": 0.2, "k": 9, "candidates": "positive_or_zero", "targets_bias": true, "adds_bias": true}, "ranks_by_length": true}""", "loss clip(0.5) project step" },
        { "topk", """{"multi": 0.125, "multi_trains_encoder": false, "aux": {"trains_encoder": false, "scale": "target_variance"}, "reconstruction": "fvu", "rectifies_first": true}""", "unit_decoder loss clip(1) project step" },
        { "topk", """{"multi": 0.5, "input_norm": "layer_norm", "skip": true, "reconstruction": "batch_normed_mse"}""", "loss unit_decoder project step" },
        { "topk", """{"input_bias": "separate", "input_norm": "constant_norm", "reconstruction": "norm", "threshold": {"per_row": true, "after": 5}}""", "loss step fold_decoder" },
        { "batchtopk", """{"k": 4.5, "threshold": {"after": 3, "rate": 0.1}}""", "loss project clip(0.5) step unit_decoder" },
        { "batchtopk", """{"encoder_bias": false, "ranks_by_length": true, "threshold": {"copies_first": false}}""", null },
        { "matryoshka", """{"groups": [0.25, 0.25, 0.5]}""", "loss clip(0.5) step" },
        { "matryoshka", """{"widths": [8, 30, 72], "weights": [1, 0.5, 2], "averages": true, "ranks_by_length": true}""", null },
        { "ort", """{"every": 2, "chunk_features": 30}""", null },
        { "hierarchical_topk", "{}", "loss project step unit_decoder" },
        { "hierarchical_topk", """{"ranks_by_length": true, "skip": true}""", null },
        { "abstopk", "{}", null },
        { "abstopk", """{"ranks_by_length": true, "aux": {"k": 3}}""", "loss project clip(0.5) step unit_decoder" },
        { "jumprelu", """{"l0": 0.02, "bandwidth": 0.2, "start_threshold": 0.5}""", null },
        { "jumprelu", """{"l0": 0.3, "bandwidth": 0.4, "start_threshold": 0.3, "penalty": "target", "counts_codes": true, "log_threshold": false}""", "loss project clip(1) step unit_decoder" },
        { "jumprelu", """{"l0": 0.3, "bandwidth": 0.4, "start_threshold": 0.1, "penalty": "target", "counts_codes": true, "input_bias": "tied"}""", null },
        { "jumprelu", """{"l0": 0.02, "bandwidth": 0.2, "start_threshold": 0.5, "penalty": "tanh", "pre_activation": 0.01}""", null },
        { "jumprelu", """{"l0": 0.02, "bandwidth": 0.2, "start_threshold": 0.5, "penalty": "tanh_quadratic", "skip": true}""", null },
    };

    [Theory, MemberData(nameof(Cases))]
    public void A_hundred_steps_end_where_dense_steps_end(string architecture, string options, string? update)
    {
        using var scope = NewDisposeScope();
        var settings = Settings(architecture, options, update);
        using var sparse = new CoderTraining(settings, new CoderShape(Width, Features), Steps, seed: 3);
        using var dense = new CoderTraining(settings, new CoderShape(Width, Features), Steps, seed: 3, GradientPath.Dense);
        var batches = Batches(Steps);
        sparse.Begin(batches[0]);
        dense.Begin(batches[0]);
        var taken = 0;
        for (var k = 0; k < Steps; k++)
        {
            Dictionary<string, Tensor> left = [], right = [];
            var a = sparse.Step([batches[k]], k == 0 ? found => left = Copies(found) : null);
            var b = dense.Step([batches[k]], k == 0 ? found => right = Copies(found) : null);
            Assert.Equal(GradientPath.Dense, b.Gradients);
            if (a.Gradients == GradientPath.Sparse) taken++;
            Assert.Equal(b.Losses.Keys, a.Losses.Keys);
            foreach (var (name, (value, _)) in b.Losses) Assert.True(Math.Abs(a.Losses[name].Value - value) <= 2e-3 * Math.Abs(value) + 1e-5, $"step {k}, {name}: {a.Losses[name].Value}, dense {value}");
            if (k > 0) continue;
            // What a dense gradient lists as zeros everywhere may be none at all.
            foreach (var (name, gradient) in right)
            {
                var scale = gradient.abs().max().item<float>();
                if (scale > 1e-6 || left.ContainsKey(name)) Close.Check($"gradient of {name}", left[name], gradient, atol: 2e-5 * scale + 1e-8, rtol: 2e-5);
            }
            Assert.Empty(left.Keys.Except(right.Keys));
            foreach (var tensor in left.Values.Concat(right.Values)) tensor.Dispose();
        }
        Assert.True(taken > Steps * 0.9, $"{taken} of {Steps} steps were sparse");
        // Where rounding turns the choice between two features, single precision drifts.
        foreach (var (one, other) in sparse.Snapshot().Zip(dense.Snapshot()))
        {
            if (one.Name is "silent" or "fired") continue;
            var (got, want) = (one.Value.to(float64), other.Value.to(float64));
            var (apart, scale) = ((got - want).norm().item<double>(), want.norm().item<double>());
            // What thresholds remember is moved by single rows that cross them.
            if (one.Name.EndsWith("threshold", StringComparison.Ordinal) && one.Name.StartsWith("optimizer", StringComparison.Ordinal))
                Assert.True(apart <= 1e-2 * scale + 1e-9, $"{one.Name}: {apart} apart, {scale} long");
            else
                Close.Check(one.Name, got, want, atol: 5e-3 * want.abs().max().item<double>() + 1e-9, rtol: 0);
        }
    }

    [Theory]
    [InlineData("standard", "{}")]
    [InlineData("gated", "{}")]
    [InlineData("msae", "{}")]
    [InlineData("variational", "{}")]
    [InlineData("jumprelu", """{"pre_activation": 0.1, "pre_activation_of_dead": false}""")]
    public void What_needs_every_entry_is_dense(string architecture, string options)
    {
        using var training = new CoderTraining(Settings(architecture, options, null), new CoderShape(Width, Features), 1, seed: 3);
        using var scope = NewDisposeScope();
        Assert.Equal(GradientPath.Dense, training.Step([Batches(1)[0]]).Gradients);
    }

    [Fact]
    public void Rows_with_too_few_positive_entries_and_batches_with_too_many_are_dense()
    {
        using var scope = NewDisposeScope();
        using var few = new CoderTraining(Settings("topk", """{"rectifies_first": true}""", null), new CoderShape(Width, Features), 1, seed: 3);
        using (no_grad()) few.Coder.EncoderBias.fill_(-100);
        Assert.Equal(GradientPath.Dense, few.Step([Batches(1)[0]]).Gradients);
        using var many = new CoderTraining(Settings("jumprelu", """{"start_threshold": 1e-4}""", null), new CoderShape(Width, 4096), 1, seed: 3);
        var rows = randn(1024, Width);
        Assert.Equal(GradientPath.Dense, many.Step([new TrainRows(rows, rows)]).Gradients);
    }

    [Theory]
    [InlineData("topk", "{}")]
    [InlineData("jumprelu", """{"l0": 0.02, "bandwidth": 0.2, "start_threshold": 1000}""")]
    public void Batches_in_parts_and_batches_that_keep_nothing_work(string architecture, string options)
    {
        using var scope = NewDisposeScope();
        var x = Batches(1)[0].Inputs;
        var settings = Settings(architecture, options, "loss project clip(0.5) step unit_decoder");
        using var sparse = new CoderTraining(settings, new CoderShape(Width, Features), 4, seed: 3);
        using var dense = new CoderTraining(settings, new CoderShape(Width, Features), 4, seed: 3, GradientPath.Dense);
        TrainRows[] parts = [.. x.chunk(2).Select(part => new TrainRows(part, part))];
        for (var k = 0; k < 4; k++)
        {
            var (a, b) = (sparse.Step(parts), dense.Step(parts));
            Assert.Equal((GradientPath.Sparse, GradientPath.Dense), (a.Gradients, b.Gradients));
            Assert.Equal(b.Total, a.Total, 1e-4 * b.Total);
        }
        foreach (var (one, other) in sparse.Snapshot().Zip(dense.Snapshot()))
            Close.Check(one.Name, one.Value.to(float64), other.Value.to(float64), atol: 1e-4, rtol: 1e-3);
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("adam")]
    [InlineData("signum")]
    public void Rows_follow_every_rule_with_weight_decay(string kind)
    {
        using var scope = NewDisposeScope();
        var settings = Settings("topk", "{}", null) with { Optimizer = new OptimizerOptions { LearningRate = 1e-3, WeightDecay = 0.1, Kind = Enum.Parse<OptimizerKind>(kind, ignoreCase: true) } };
        using var sparse = new CoderTraining(settings, new CoderShape(Width, Features), 5, seed: 3);
        using var dense = new CoderTraining(settings, new CoderShape(Width, Features), 5, seed: 3, GradientPath.Dense);
        foreach (var batch in Batches(5)) Assert.NotEqual(sparse.Step([batch]).Gradients, dense.Step([batch]).Gradients);
        foreach (var name in new[] { "encoder", "decoder" }) Close.Check(name, sparse.Coder.Parameters[name].detach(), dense.Coder.Parameters[name].detach(), atol: 2e-4, rtol: 1e-3);
    }

    [Fact]
    public void Approximate_products_change_nothing_but_the_last_bits()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (x, encoder) = (randn(4096, 40, generator: generator), randn(4096, 40, generator: generator));
        var bias = randn(4096, generator: generator);
        using var exact = new SparseStep(screens: false);
        using var screened = new SparseStep(screens: true);
        var features = tensor(new long[] { 0, 17, 4095 });
        foreach (var selection in new[] { Keep.TopK(8), Keep.TopMagnitudes(6), Keep.BatchTopK(7.5), Keep.Above(bias.abs() + 18) })
        {
            var (one, two) = (exact.Products(x, encoder, bias), screened.Products(x, encoder, bias));
            var (a, b) = (one.Select(selection), two.Select(selection));
            Assert.True(a.Indices.Equals(b.Indices));
            Close.Check("values", b.Values, a.Values);
            // Bands of rows below each other are the whole.
            var whole = selection.Choose(x.matmul(encoder.t()), bias, null, x.shape[0]);
            Assert.True(a.Starts.Equals(whole.Starts) && a.Indices.Equals(whole.Indices));
            Close.Check("some columns", two.Columns(features), one.Columns(features), atol: 1e-4);
        }
    }

    [Fact]
    public void Approximate_products_that_leave_too_much_open_become_exact()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (x, encoder) = (randn(4096, 40, generator: generator), randn(64, 40, generator: generator).repeat(64, 1));
        using var exact = new SparseStep(screens: false);
        using var screened = new SparseStep(screens: true);
        var (a, b) = (exact.Products(x, encoder, null).Select(Keep.TopK(64)), screened.Products(x, encoder, null).Select(Keep.TopK(64)));
        Assert.True(a.Indices.Equals(b.Indices));
        Assert.True(a.Values.Equals(b.Values));
    }

    private static CoderSettings Settings(string architecture, string options, string? update)
    {
        var given = (JsonObject)JsonNode.Parse(options)!;
        if (typeof(SelectiveOptions).IsAssignableFrom(ArchitectureCatalog.Default.OptionsOf(architecture)) && given["k"] is null) given["k"] = 5;
        var json = new JsonObject
        {
            ["architecture"] = architecture,
            ["options"] = given,
            ["optimizer"] = new JsonObject { ["learning_rate"] = 0.001 },
            ["dead"] = new JsonObject { ["after"] = 60 },
        };
        if (update is not null) json["update"] = new JsonArray([.. update.Split(' ').Select(part => (JsonNode)part)]);
        return TrainJson.Settings(json, architecture);
    }

    private static List<TrainRows> Batches(int number)
    {
        var generator = new Generator(11);
        return [.. Enumerable.Range(0, number).Select(_ => randn(Rows, Width, generator: generator) * 1.5).Select(x => new TrainRows(x, x))];
    }

    private static Dictionary<string, Tensor> Copies(IReadOnlyDictionary<string, Tensor> found) =>
        found.ToDictionary(entry => entry.Key, entry => entry.Value.detach().clone().DetachFromDisposeScope());
}
