using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Losses with a coder spliced in: laws on a tiny model, formulas on outputs written by hand.</summary>
public sealed class SplicedLossTests : IDisposable
{
    private static readonly HookSite s_site = Site.ResidPost[0];
    private readonly HookedModel _model = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny();
    private readonly TinyInput _inputs;

    public SplicedLossTests() => _inputs = new TinyInput(_model);

    public void Dispose()
    {
        _inputs.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void A_perfect_coder_loses_nothing_and_zeros_lose_everything()
    {
        using var scope = NewDisposeScope();
        using var identity = Laws.Identity(16, card: Card());
        using var zero = Laws.Zero(16, Card());
        var (perfect, nothing) = (Measure(identity), Measure(zero));
        foreach (var row in perfect)
        {
            Assert.Equal(row.Clean, row.Spliced, 1e-4);
            Assert.Equal(1, row.Recovered, 1e-3);
            Assert.Equal(1, row.RecoveredFromMean, 1e-2);
            Assert.Equal(100, row.RecoveredPrismaCompat, .1);
        }
        foreach (var row in nothing)
        {
            Assert.Equal(row.Zero, row.Spliced, 1e-9);
            Assert.Equal(0, row.Recovered, 1e-9);
        }
        Assert.Equal(["ce", "kl"], perfect.Select(row => row.Name));
    }

    [Fact]
    public void Means_are_over_pictures_whatever_the_batches()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(16, 40, Card());
        var pixels = _inputs.Input["pixel_values"];
        var (whole, parts) = (new SplicedLoss(_model, coder), new SplicedLoss(_model, coder));
        var three = cat([pixels, pixels.flip(3), pixels.neg()]).narrow(0, 0, 3);
        whole.Add(three, Losses(three));
        foreach (var part in three.split(2)) parts.Add(part, Losses(part));
        var (one, other) = (whole.Report()[0], parts.Report()[0]);
        Assert.Equal(3, other.Items);
        Assert.Equal(one.Spliced, other.Spliced, 1e-5);
        Assert.True(double.IsNaN(one.Mean) && double.IsNaN(one.RecoveredFromMean));
    }

    [Fact]
    public void A_place_that_hardly_matters_has_no_score() =>
        Assert.True(double.IsNaN(new LossRow("ce", 1, 1, 1.0004, 1.0005, double.NaN).Recovered));

    [Fact]
    public void Mean_and_zero_ablation_touch_only_the_coders_tokens()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(16, 40, Card(TokenScope.Cls));
        using var all = Toy.Random(16, 40, Card());
        var (own, every) = (Measure(coder)[0], Measure(all)[0]);
        Assert.NotEqual(own.Zero, every.Zero, 1e-6);
        var placement = CoderPlacement.Of(coder, _model, _inputs.Input);
        using var byHand = _model.Run(_inputs.Input, HookPlan.Empty.Edit(s_site, (value, _) => cat([value.narrow(1, 0, 1) * 0, value.narrow(1, 1, value.shape[1] - 1)], 1)));
        Assert.Equal(Losses(_inputs.Input["pixel_values"])["ce"](byHand).mean().item<double>(), own.Zero, 1e-6);
        Assert.Equal((0L, 1L), placement.Tokens);
    }

    [Fact]
    public void A_transcoder_is_judged_at_the_place_that_it_writes()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(16, 12, Card() with { Reads = [Site.Ln2Normalized[1]], Writes = [Site.MlpOut[1]] });
        var row = Measure(coder)[0];
        using var zeroed = _model.Run(_inputs.Input, HookPlan.Empty.Edit(Site.MlpOut[1], (value, _) => value * 0));
        Assert.Equal(Losses(_inputs.Input["pixel_values"])["ce"](zeroed).mean().item<double>(), row.Zero, 1e-6);
        var result = CoderEvaluation.Run(_model, coder, 1, _ => new EvaluationBatch { Input = _inputs.Input });
        using var plain = _model.Run(_inputs.Input, HookPlan.Empty.Keep(Site.Ln2Normalized[1], Site.MlpOut[1]));
        var direct = new CoderMeasurement(coder);
        direct.Add(plain.Cache[Site.Ln2Normalized[1]], target: plain.Cache[Site.MlpOut[1]]);
        Assert.Equal(direct.Report()["all"][MetricName.Global], result.Report["all"][MetricName.Global], 1e-6);
        Assert.Equal(["kl", "top1_disagreement"], result.Losses.Select(loss => loss.Name));
    }

    [Fact]
    public void Wrong_labels_means_and_edits_are_refused()
    {
        using var scope = NewDisposeScope();
        using var coder = Toy.Random(16, 40, Card());
        Assert.Throws<ShapeException>(() => new SplicedLoss(_model, coder, new double[3]));
        Assert.Throws<OptionsException>(() => new SplicedLoss(_model, coder, options: new SpliceOptions { Edits = [new FeatureEdit(1, FeatureAction.Ablate)] }));
        var loss = new SplicedLoss(_model, coder);
        var count = _inputs.Input["pixel_values"].shape[0];
        Assert.Throws<OptionsException>(() => loss.Add(_inputs.Input, new Dictionary<string, ExampleLoss> { ["ce"] = SplicedLosses.Classification(ones(count, int64) * 999) }));
        Assert.Throws<ShapeException>(() => loss.Add(_inputs.Input, new Dictionary<string, ExampleLoss> { ["ce"] = SplicedLosses.Classification(zeros(count + 1, int64)) }));
        var error = Assert.Throws<OptionsException>(() => loss.Add(_inputs.Input, new Dictionary<string, ExampleLoss> { ["ce"] = SplicedLosses.AgainstTable(eye(3), zeros(count, int64)) }));
        Assert.Contains("image_embeds", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_embedding_orthogonal_to_all_texts_costs_the_logarithm_of_the_classes()
    {
        using var scope = NewDisposeScope();
        var table = eye(5).narrow(0, 0, 4);
        using var model = new Echo("image_embeds", eye(5).narrow(0, 4, 1));
        using var recording = model.Run(zeros(1, 1), HookPlan.Empty);
        Assert.Equal(Math.Log(4), SplicedLosses.AgainstTable(table, zeros(1, int64))(recording).item<double>(), 1e-9);
        // On a text: cosine 1 with its own, 0 with the others.
        using var hit = new Echo("image_embeds", eye(5).narrow(0, 2, 1) * 7);
        using var found = hit.Run(zeros(1, 1), HookPlan.Empty);
        var own = ones(1, int64) * 2;
        Assert.Equal(Math.Log(3 + Math.E) - 1, SplicedLosses.AgainstTable(table, own)(found).item<double>(), 1e-9);
        Assert.Equal(Math.Log(3 + Math.Exp(10)) - 10, SplicedLosses.AgainstTable(table, own, scale: 10)(found).item<double>(), 1e-9);
        Assert.True(SplicedLosses.AgainstTable(table, own)(found).item<double>() >= Math.Log(1 + 3 * Math.Exp(-2)));
    }

    [Fact]
    public void The_contrastive_loss_takes_both_ways()
    {
        using var scope = NewDisposeScope();
        using var model = new Echo("image_embeds", tensor(new float[] { 1, 0, .6f, .8f }, [2, 2]));
        using var recording = model.Run(zeros(1, 1), HookPlan.Empty);
        var losses = SplicedLosses.Contrastive(eye(2), scale: 2)(recording);
        // Logits [[2, 0], [1.2, 1.6]].
        static double Ce(double own, double other) => Math.Log(1 + Math.Exp(other - own));
        Assert.Equal((Ce(2, 0) + Ce(2, 1.2)) / 2, losses[0].item<double>(), 1e-6);
        Assert.Equal((Ce(1.6, 1.2) + Ce(1.6, 0)) / 2, losses[1].item<double>(), 1e-6);
        Assert.Throws<ShapeException>(() => SplicedLosses.Contrastive(eye(2).narrow(0, 0, 1), scale: 2)(recording));
    }

    [Fact]
    public void The_next_token_loss_shifts_by_one_and_keeps_to_its_mask()
    {
        using var scope = NewDisposeScope();
        // One text of three tokens, two words: the logits at position t foretell token t + 1.
        using var model = new Echo("logits", tensor(new float[] { 0, 2, 1, 0, 9, 9 }, [1, 3, 2]));
        using var recording = model.Run(zeros(1, 1), HookPlan.Empty);
        var ids = tensor(new long[] { 0, 1, 1 }, [1, 3]);
        var losses = SplicedLosses.NextToken(ids)(recording);
        Assert.Equal(2, losses.numel());
        Assert.Equal(Math.Log(1 + Math.Exp(-2)), losses[0].item<double>(), 1e-6);
        Assert.Equal(Math.Log(1 + Math.Exp(1)), losses[1].item<double>(), 1e-6);
        var masked = SplicedLosses.NextToken(ids, tensor(new long[] { 1, 1, 0 }, [1, 3]))(recording);
        Assert.Equal(1, masked.numel());
        Assert.Throws<ShapeException>(() => SplicedLosses.NextToken(ids.narrow(1, 0, 2))(recording));
    }

    [Fact]
    public void The_divergence_of_two_coins()
    {
        using var scope = NewDisposeScope();
        using var fair = new Echo("logits", zeros(1, 2));
        using var loaded = new Echo("logits", tensor(new float[] { (float)Math.Log(3), 0 }, [1, 2]));
        using var p = fair.Run(zeros(1, 1), HookPlan.Empty);
        using var q = loaded.Run(zeros(1, 1), HookPlan.Empty);
        Assert.Equal(.5 * Math.Log(.5 / .75) + .5 * Math.Log(.5 / .25), OutputChanges.Kl()(p, q).item<double>(), 1e-7);
        Assert.Equal(0, OutputChanges.Kl()(p, p).item<double>(), 1e-12);
        using var back = new Echo("logits", tensor(new float[] { 0, 1 }, [1, 2]));
        using var r = back.Run(zeros(1, 1), HookPlan.Empty);
        Assert.Equal(1, OutputChanges.Disagreement()(q, r).item<double>());
        Assert.Equal(1, OutputChanges.CosineDistance("logits")(q, r).item<double>(), 1e-12);
    }

    private IReadOnlyList<LossRow> Measure(ISparseCoder coder)
    {
        var loss = new SplicedLoss(_model, coder, new double[16]);
        loss.Add(_inputs.Input, Losses(_inputs.Input["pixel_values"]), new Dictionary<string, OutputChange> { ["kl"] = OutputChanges.Kl() });
        return loss.Report();
    }

    private static Dictionary<string, ExampleLoss> Losses(Tensor pixels) => new() { ["ce"] = SplicedLosses.Classification(ones(pixels.shape[0], int64)) };

    private static CoderCard Card(TokenScope tokens = TokenScope.All) => Toy.Card("standard") with { Reads = [s_site], Writes = [s_site], Origin = new Provenance { Scope = tokens } };

    /// <summary>A model whose output is given.</summary>
    private sealed class Echo(string name, Tensor output) : HookedModel
    {
        public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

        protected override TokenLayout? Layout(ModelInput input) => null;

        protected override ModelOutput Forward(ModelInput input, HookRun run) => new ModelOutput().With(name, output.alias());
    }
}
