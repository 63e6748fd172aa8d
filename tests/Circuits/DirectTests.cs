using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Direct attribution, tuned lens, decompositions and names by texts.</summary>
public sealed class DirectTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(3)]
    public void Parts_sum_to_the_logit(int? minus)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(3);
        var logits = model.Run(pictures);
        var expected = (minus is { } other ? logits.select(1, 1) - logits.select(1, other) : logits.select(1, 1)).data<float>().ToArray();
        foreach (var parts in new[] { DirectAttribution.Layers(model, pictures, 1, minus), DirectAttribution.Heads(model, pictures, 1, minus) })
        {
            Assert.Equal(parts.Labels.Count, parts.Labels.Distinct().Count());
            for (var k = 0; k < 3; k++)
            {
                Assert.Equal(expected[k], parts.Logits[k], 1e-5);
                Assert.Equal(expected[k], parts.Values.Sum(part => part[k]), 1e-3);
            }
        }
        Assert.Contains(minus is null ? "class 1" : "minus class 3", DirectAttribution.Layers(model, pictures, 1, minus).Target, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => DirectAttribution.Layers(model, pictures, 5));
    }

    [Fact]
    public void Neurons_and_source_tokens_sum_to_their_blocks()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var layers = DirectAttribution.Layers(model, pictures, 2);
        var neurons = DirectAttribution.Neurons(model, pictures, 1, 2);
        Assert.Equal(24 + 1, neurons.Labels.Count);
        var heads = DirectAttribution.Heads(model, pictures, 2);
        var sources = DirectAttribution.Sources(model, pictures, 2);
        Assert.Equal([2, 2, 2, 17], sources.shape);
        for (var k = 0; k < 2; k++)
        {
            Assert.Equal(layers.Values[layers.Labels.ToList().IndexOf("1_mlp_out")][k], neurons.Values.Sum(part => part[k]), 1e-4);
            Assert.Equal(heads.Values[heads.Labels.ToList().IndexOf("L1H0")][k], sources[1][0][k].sum().item<float>(), 1e-4);
        }
    }

    [Theory]
    [InlineData("beit")]
    [InlineData("timm_beit")]
    [InlineData("timm_eva")]
    public void Heads_are_told_apart_behind_layer_scales_and_norms(string family)
    {
        using var scope = NewDisposeScope();
        using var model = Models.Catalog.Families.Single(one => one.Name == family).Tiny();
        using var inputs = new TinyInput(model);
        var input = inputs.Input;
        var part = Assert.IsAssignableFrom<ILogitReadout>(model).ReadoutPart;
        var heads = DirectAttribution.Heads(model, input, 2);
        var layers = DirectAttribution.Layers(model, input, 2);
        var sources = DirectAttribution.Sources(model, input, 2);
        bool Held(HookPoint point) => point.Kind == Site.AttnInnerScale;
        var (z, written) = (Site.Z[1].In(part), Site.AttnOut[1].In(part));
        using var run = model.Run(input, HookPlan.Empty.Keep(written, Site.FinalScale.Only.In(part)).Keep(point => Held(point) || point.Site == written));
        using var direction = LogitDirection.Of(model, run, input, 2);
        for (var head = 0; head < 2; head++)
        {
            // What is gone where this head reads nothing and norms divide by what they divided by.
            var plan = HookPlan.Empty.Keep(written).Edit(z, (value, _) => cat([.. Enumerable.Range(0, 2).Select(k => value.narrow(2, k, 1) * (k == head ? 0 : 1))], 2));
            if (model.Points.Any(Held)) plan = plan.Edit(Held, (_, site) => run.Cache[site]);
            using var without = model.Run(input, plan);
            var byHand = direction.Of(run.Cache[written] - without.Cache[written]).data<float>().ToArray();
            for (var k = 0; k < byHand.Length; k++)
            {
                Assert.Equal(byHand[k], heads.Values[heads.Labels.ToList().IndexOf($"L1H{head}")][k], 1e-5);
                Assert.Equal(byHand[k], sources[1][head][k].sum().item<float>(), 1e-5);
                Assert.Equal(heads.Logits[k], heads.Values.Sum(values => values[k]), 1e-3);
                Assert.Equal(layers.Logits[k], layers.Values.Sum(values => values[k]), 1e-3);
            }
        }
    }

    [Fact]
    public void Features_of_the_last_stream_and_the_rest_make_the_logit()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var coder = Last(TokenScope.All);
        var features = DirectAttribution.Features(model, pictures, coder, 1);
        using var run = model.Run(pictures, HookPlan.Empty.Keep(Site.ResidPost[1], Site.FinalScale.Only));
        using var direction = LogitDirection.Of(model, run, pictures, 1);
        using var codes = coder.Encode(run.Cache[Site.ResidPost[1]]);
        var rest = run.Cache[Site.ResidPost[1]] - codes.Times(coder.Directions).view(2, 17, 16);
        Close.Check("logit", features.sum(1L) + direction.Of(rest) + direction.Constant, run.Main.select(1, 1), 1e-3);
        using var patches = Last(TokenScope.Patches);
        Assert.Contains("later blocks", Assert.Throws<NotApplicableException>(() => DirectAttribution.Features(model, pictures, patches, 1)).Message, StringComparison.Ordinal);
        // By weights alone: the same without the scale of the run.
        var weights = FeatureLogits.Of(coder, model);
        Assert.Equal([20, 5], weights.shape);
        var scale = run.Cache[Site.FinalScale.Only][0][0].item<float>();
        Close.Check("weights", features[0], codes.ToDense()[0] * weights.select(1, 1) / scale, 1e-4);
    }

    [Fact]
    public void Enrichment_is_one_for_the_top_and_minus_one_for_the_bottom()
    {
        float[] weights = [5, 4, 3, 2, 1, 0, -1, -2];
        Assert.Equal(1, FeatureLogits.Enrichment(weights, new HashSet<int> { 0, 1, 2 }), 1e-9);
        Assert.Equal(-1, FeatureLogits.Enrichment(weights, new HashSet<int> { 6, 7 }), 1e-9);
        Assert.True(Math.Abs(FeatureLogits.Enrichment(weights, new HashSet<int> { 0, 3, 5, 7 })) < 0.6);
        Assert.Throws<OptionsException>(() => FeatureLogits.Enrichment(weights, new HashSet<int>()));
        var statistics = FeatureLogits.Statistics([0, 0, 0, 0, 0, 0, 0, 8]);
        Assert.Equal((1, Math.Sqrt(7)), (statistics.Mean, statistics.Deviation));
        Assert.True(statistics.Skewness > 2 && statistics.Kurtosis > 5);
    }

    [Fact]
    public void A_tuned_lens_starts_as_the_logit_lens_and_is_nowhere_worse()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(12);
        using var untrained = TunedLens.Identity(2, 16);
        using var plain = LogitLens.Read(model, pictures);
        using (var same = LogitLens.Read(model, pictures, new LensOptions { Tuned = untrained })) Close.Check("untrained", same.Logits, plain.Logits);
        var (lens, losses) = TunedLensTraining.Fit(model, [pictures], new TunedLensOptions { Steps = 120, LearningRate = 1e-2, Batch = 12 });
        using (lens)
        {
            Assert.All(losses, loss => Assert.True(loss.After < 0.7 * loss.Before, $"{loss.Before} to {loss.After}"));
            using var tuned = LogitLens.Read(model, pictures, new LensOptions { Tuned = lens });
            Close.Check("last layer", tuned.Logits[-1], plain.Logits[-1]);
            double Divergence(LensReading reading, int layer)
            {
                var (towards, own) = (plain.Logits[-1].select(1, 0).log_softmax(-1), reading.Logits[layer].select(1, 0).log_softmax(-1));
                return (towards.exp() * (towards - own)).sum(-1L).mean().item<float>();
            }
            for (var layer = 0; layer < 2; layer++) Assert.Equal(losses[layer].After, Divergence(tuned, layer), 1e-4);
            using var folder = new TempFolder();
            lens.Save(folder.Path, "tiny");
            using var again = TunedLens.Load(folder.Path);
            using var read = LogitLens.Read(model, pictures, new LensOptions { Tuned = again });
            Assert.True(read.Logits.Equals(tuned.Logits));
        }
        using var wrong = TunedLens.Identity(3, 16);
        Assert.Throws<OptionsException>(() => LogitLens.Read(model, pictures, new LensOptions { Tuned = wrong }));
    }

    [Fact]
    public void A_pictures_embedding_is_the_sum_of_its_parts()
    {
        using var scope = NewDisposeScope();
        using var model = new ClipFamily().Tiny();
        using var pictures = Tiny.Pictures(3);
        var embedding = model.Run(pictures);
        foreach (var perToken in new[] { false, true })
        {
            using var parts = ImageDecomposition.Of(model, pictures, perToken);
            Assert.Equal(perToken ? 5 : 4, parts.Heads.ndim);
            Close.Check("sum", parts.Sum(), nn.functional.normalize(embedding), 1e-4);
        }
        using var vit = Tiny.Vit();
        using var logits = ImageDecomposition.Of(vit, pictures);
        Close.Check("logits", logits.Sum(), nn.functional.normalize(vit.Run(pictures)), 1e-4);
    }

    [Fact]
    public void Text_span_is_the_worked_example()
    {
        using var scope = NewDisposeScope();
        var (texts, _) = TextSpan.Find(Tiny.G(5, 3, 40), Tiny.G(4, 3, 41), count: 2, rank: null);
        Assert.Equal([0, 2], texts.Select(text => text.Text));
        Assert.Equal(1.540282, texts[0].Deviation, 1e-5);
        Assert.Equal(0.590200, texts[1].Deviation, 1e-5);
        // As many texts as directions carry everything, and what was taken is not found again.
        var (all, explained) = TextSpan.Find(Tiny.G(5, 3, 40), Tiny.G(4, 3, 41), count: 4, rank: 3);
        Assert.Equal(1, explained, 1e-9);
        Assert.Equal(3, all.Count);
        Assert.Equal(3, all.Select(text => text.Text).Distinct().Count());
    }

    [Fact]
    public void Features_get_the_text_of_what_excites_them()
    {
        using var scope = NewDisposeScope();
        // Six pictures of three concepts; feature k fires on concept k, feature 3 on all alike.
        var texts = eye(3);
        var images = cat([eye(3), eye(3)], 0) + 0.1;
        var activations = cat([cat([eye(3), eye(3)], 0), ones(6, 1)], 1);
        foreach (var scores in new[] { FeatureTexts.SoftWpmi(activations, images, texts, top: 2), FeatureTexts.ByPictures(activations, images, texts) })
            Assert.Equal([0L, 1, 2], scores.narrow(0, 0, 3).argmax(1).data<long>().ToArray());
        Assert.Equal(0, FeatureTexts.ByPictures(zeros(6, 1), images, texts).abs().max().item<float>());
        using var model = new ClipFamily().Tiny();
        using var coder = Last(TokenScope.All);
        using var generator = new Generator(2);
        var named = FeatureTexts.ByDirection(coder, model, randn(7, 12, generator: generator));
        Assert.Equal([20, 7], named.shape);
        Close.Check("hubs are taken off", named.mean([0]), zeros(7));
        Assert.Throws<ShapeException>(() => FeatureTexts.SoftWpmi(activations, images, eye(4)));
    }

    internal static StandardCoder Last(TokenScope scope)
    {
        using var disposing = NewDisposeScope();
        using var generator = new Generator(9);
        return new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = 16, Features = 20, Outputs = 16, Reads = [Site.ResidPost[1]], Writes = [Site.ResidPost[1]], Origin = new Provenance { Scope = scope } },
            new CoderWeights { Encoder = randn(20, 16, generator: generator), EncoderBias = zeros(20), Decoder = randn(20, 16, generator: generator) * 0.3, OutputBias = zeros(16) });
    }
}
