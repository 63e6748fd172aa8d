using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Coders that learn from what their model makes of the prediction, and the gradients that come with whole examples.</summary>
public sealed class EndToEndTests
{
    private static readonly HookSite s_place = HarvestBench.First;

    [Fact]
    public void A_perfect_coder_changes_nothing_behind_its_place()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        using var batch = First(Source(bench), 34);
        using var coder = new TrainedEndToEnd(new CoderShape(16, 16), new EndToEndOptions { Sparsity = 0, Later = ["*hook_resid_post"] }, 1);
        using (no_grad())
        {
            coder.Encoder.copy_(eye(16));
            coder.Decoder.copy_(eye(16));
            coder.EncoderBias.fill_(50);
            coder.Bias.fill_(-50);
        }
        var terms = Loss(coder, Rows(batch));
        Assert.Equal(0, terms["output"].Value.item<float>(), 1e-5);
        Assert.Equal(0, terms["later"].Value.item<float>(), 1e-5);
    }

    [Fact]
    public void Gradients_reach_the_coder_and_not_the_model_and_later_places_are_an_addition()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        using var batch = First(Source(bench), 34);
        var rows = Rows(batch);
        using var coder = new TrainedEndToEnd(new CoderShape(16, 24), new EndToEndOptions(), 1);
        using var with = new TrainedEndToEnd(new CoderShape(16, 24), new EndToEndOptions { Later = ["*hook_resid_post"], LaterWeight = 0 }, 1);
        var (alone, both) = (Loss(coder, rows), Loss(with, rows));
        Assert.Equal(alone["output"].Value.item<float>(), both["output"].Value.item<float>(), 1e-6);
        Assert.True(alone["output"].Value.item<float>() > 0);
        Assert.True(autograd.grad([alone["output"].Value], [coder.Encoder])[0].abs().max().item<float>() > 0);
        Assert.All(bench.Model.Weights, weight => Assert.False(weight.Weight.Value.requires_grad));
        // A step along the gradient brings the output nearer.
        var gradient = autograd.grad([Loss(coder, rows)["output"].Value], [coder.Decoder])[0];
        using (no_grad()) coder.Decoder.sub_(gradient * (0.02 / gradient.norm().item<float>()));
        Assert.True(Loss(coder, rows)["output"].Value.item<float>() < alone["output"].Value.item<float>());
    }

    [Fact]
    public void Whole_examples_come_in_their_order_and_go_on_at_a_cursor()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        var name = s_place.ToString();
        var source = Source(bench);
        var known = bench.Direct(s_place);
        var whole = Order.Read(source, name, 51, Cursor.Start, 9);
        for (var batch = 0; batch < 9; batch++) Close.Check($"batch {batch}", Order.Read(Source(bench), name, 51, new Cursor(51 * batch), 1), whole.narrow(0, 51 * batch, 51));
        for (var example = 0; example < 27; example++)
            Assert.True((known - whole.narrow(0, 17 * example, 17)).abs().flatten(1).amax(1).min().item<float>() < 1e-5, $"example {example} is none of the data's");
        Assert.Contains("a multiple of the 17 rows", Assert.Throws<OptionsException>(() => source.Open(50, Cursor.Start, default).First()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var bench = new HarvestBench();
        using var scope = NewDisposeScope();
        using var batch = First(Source(bench), 34);
        var gradient = batch[s_place + ".gradient"];
        Assert.Equal([34, 16], gradient.shape);
        var x = batch[s_place.ToString()];
        double Surprise(Tensor value)
        {
            using var recording = bench.Model.Run(Pixels(bench, x), HookPlan.Empty.Edit(s_place, (old, _) => value.reshape(old.shape)));
            return -recording.Outputs["logits"].to(float64).log_softmax(-1).amax(-1).sum().item<double>();
        }
        var direction = gradient / gradient.norm();
        var slope = (Surprise(x + direction * 0.004) - Surprise(x - direction * 0.004)) / 0.008;
        Assert.Equal(gradient.norm().item<float>(), slope, 0.02 * Math.Abs(slope) + 1e-4);
    }

    [Theory]
    [InlineData("paper/e2e")]
    [InlineData("paper/e2e_downstream")]
    [InlineData("paper/gradient")]
    public void The_presets_train_through_the_one_trainer_and_the_output_comes_nearer(string preset)
    {
        using var bench = new HarvestBench();
        var name = s_place.ToString();
        var config = RunConfig.Read((JsonObject)JsonNode.Parse($$"""
            {"steps": 40, "batch_rows": 68, "log_every": 1, "coders": [{"preset": "{{preset}}", "reads": "{{name}}", "features": 32, "gradients": "{{name}}.gradient",
             "optimizer": {"learning_rate": 0.01}, "options": {{(preset == "paper/gradient" ? "{\"k\": 4}" : "{\"sparsity\": 0.01}")}} }]}
            """)!, Source(bench).Columns);
        var sink = new Kept();
        foreach (var run in Trainer.Fit(config.Jobs, Source(bench), config.Options, sink)) run.Dispose();
        var term = preset == "paper/gradient" ? "reconstruction" : "output";
        Assert.Equal(40, sink.All.Count);
        Assert.True(sink.All.TakeLast(5).Average(one => one.Terms[term]) < 0.7 * sink.All.Take(5).Average(one => one.Terms[term]), term);
    }

    [Theory]
    [InlineData("""{"architecture": "end_to_end", "features": 8, "reads": "x"}""", "--downstream")]
    [InlineData("""{"architecture": "gradient", "features": 8, "reads": "x", "options": {"k": 2}}""", "need a column of them")]
    [InlineData("""{"architecture": "gradient", "features": 8, "reads": "x", "gradients": "y", "options": {"k": 2}}""", "has no 'y'")]
    [InlineData("""{"architecture": "mutual", "features": 8, "reads": "x", "options": {"k": 2}}""", "at least two coders")]
    [InlineData("""{"architecture": "archetypal", "features": 8, "reads": "x", "options": {"k": 2, "candidates": 60, "candidate_rows": 60}}""", "cannot be found among")]
    [InlineData("""{"architecture": "cross_layer", "features": 8, "reads": "x", "update": ["loss", "step", "unit_decoder"]}""", "forms its decoder's rows itself")]
    public void What_is_missing_is_said_before_any_work(string coder, string message)
    {
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = randn(32, 6) }, null);
        var config = RunConfig.Read((JsonObject)JsonNode.Parse($$"""{"steps": 2, "batch_rows": 8, "coders": [{{coder}}]}""")!, data.Columns);
        Assert.Contains(message, Assert.ThrowsAny<PrismaException>(() => Trainer.Fit(config.Jobs, data, config.Options, new Kept())).Message, StringComparison.Ordinal);
    }

    private static ExampleSource Source(HarvestBench bench) => new(bench.Model, bench.Inputs, [s_place], seed: 4);

    private static ActivationBatch First(ExampleSource source, int rows) => source.Open(rows, Cursor.Start, default).First();

    private static TrainRows Rows(ActivationBatch batch) => new(batch[s_place.ToString()], batch[s_place.ToString()]) { Onward = batch.Onward!.At(s_place.ToString()) };

    // The pictures behind the rows of the batch: those whose activations they are.
    private static Tensor Pixels(HarvestBench bench, Tensor rows)
    {
        var known = bench.Direct(s_place);
        var places = Enumerable.Range(0, (int)rows.shape[0] / 17).Select(k => (known - rows.narrow(0, 17 * k, 17)).abs().flatten(1).amax(1).argmin().item<long>()).ToArray();
        return bench.Pixels.index_select(0, tensor(places));
    }

    private static Dictionary<string, LossTerm> Loss(TrainableCoder coder, TrainRows rows)
    {
        using var dead = new DeadFeatures(new DeadOptions(), coder.Shape.Features);
        return coder.Loss(rows, new StepInfo { Step = 0, TotalSteps = 1, Dead = dead }).ToDictionary(term => term.Name);
    }

    private sealed class Kept : ITrainSink
    {
        internal List<TrainMeasurement> All { get; } = [];

        public void Measured(TrainMeasurement measurement) => All.Add(measurement);

        public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
    }
}
