using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>What the definitions of flow, RISE, LeGrad, the relevance rules and feature gradients promise.</summary>
public sealed class MoreMethodLaws
{
    [Fact]
    public void Flow_is_the_worked_example_and_never_below_rollout()
    {
        using var scope = NewDisposeScope();
        var patterns = new[] { Tiny.G(3, 3, 0).softmax(1), Tiny.G(3, 3, 1).softmax(1) };
        var flows = AttentionFlow.Of([.. patterns.Select(Mixed)], [1, 0, 0]);
        double[] expected = [0.852713, 0.766748, 0.318295];
        var rolled = AttentionRollout.Roll([.. patterns.Select(pattern => pattern.unsqueeze(0))])[0][0].data<double>().ToArray();
        for (var k = 0; k < 3; k++)
        {
            Assert.Equal(expected[k], flows[k], 1e-5);
            Assert.InRange(flows[k], rolled[k] - 1e-9, 1);
        }
    }

    [Fact]
    public void Random_masks_find_the_weights_of_a_sum()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        using var generator = new Generator(5);
        var picture = randn(1, 1, 4, 4, generator: generator);
        var byHand = AdditiveModel.Patches(picture * tensor(AdditiveModel.PixelWeights, [1L, 1, 4, 4])).sum(2L)[0];
        var map = AttributionMethod.Named("rise").Explain(model, picture, new LogitDifference(0, 1), new AttributionOptions { Samples = 8000, Batch = 500 })[0];
        // Masks are smooth, so neighbours share; four patches of two pixels lie in cells that do not.
        Assert.True(Pearson(map.Heatmap.Values.ToArray(), byHand.data<float>().ToArray()) >= 0.9);
    }

    [Fact]
    public void A_text_that_nothing_points_to_gives_an_empty_legrad_map()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        // Class 4 has no weights, so no attention can raise its logit.
        model.Weights.Single(weight => weight.Name == "head.weight").Weight.Value[4].zero_();
        var map = AttributionMethod.Named("legrad").Explain(model, picture, new ClassLogit(4))[0];
        Assert.All(map.Heatmap.Values.ToArray(), value => Assert.Equal(0, value));
        Assert.Contains(AttributionMethod.Named("legrad").Explain(model, picture, new ClassLogit(1))[0].Heatmap.Values.ToArray(), value => value > 0);
        using var bare = new AdditiveModel();
        Assert.Throws<NotApplicableException>(() => AttributionMethod.Named("legrad").Explain(bare, picture));
    }

    [Fact]
    public void Relevance_is_conserved_where_there_are_no_biases()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        foreach (var (name, weight) in model.Weights)
            if (name.EndsWith("bias", StringComparison.Ordinal)) weight.Value.zero_();
        using var pictures = Tiny.Pictures(2);
        foreach (var layer in new[] { 0, 1 })
        {
            var maps = AttributionMethod.Named("cp-lrp").Explain(model, pictures, new ClassLogit(2), new AttributionOptions { Layer = layer });
            for (var k = 0; k < 2; k++)
            {
                // What fell to the class token is not on the map: relevance of all tokens together is the logit.
                var prefix = Prefix(model, pictures, layer, k);
                Assert.Equal(maps[k].Score!.Value, maps[k].Heatmap.Values.ToArray().Sum() + prefix, 1e-3);
            }
        }
    }

    [Fact]
    public void With_everything_linear_the_rules_are_gradient_times_token()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        foreach (var attention in model.Modules.OfType<Attention>()) attention.Qkv.Matrix.Value.narrow(0, 0, 32).zero_();
        using var picture = Tiny.Pictures(1);
        var (attn, cp) = (AttributionMethod.Named("attn-lrp").Explain(model, picture, new ClassLogit(2))[0], AttributionMethod.Named("cp-lrp").Explain(model, picture, new ClassLogit(2))[0]);
        // Even attention gives queries and keys no slope: of AttnLRP's halves only the values' is left, once in each block's branch.
        Assert.True(Pearson(attn.Heatmap.Values.ToArray(), cp.Heatmap.Values.ToArray()) > 0.5);
        Assert.NotEqual(attn.Heatmap.Values.ToArray(), cp.Heatmap.Values.ToArray());
    }

    [Fact]
    public void Dino_maps_keep_the_stronger_share_of_each_head()
    {
        using var scope = NewDisposeScope();
        var kept = AttentionMass.Strongest(tensor([4f, 1, 3, 2], [1, 4]), 0.6);
        Close.Check("of ten tenths", kept, tensor([0.4f, 0, 0.3f, 0], [1, 4]));
        Close.Check("all", AttentionMass.Strongest(tensor([1f, 3], [1, 2]), 1), tensor([0.25f, 0.75f], [1, 2]));
    }

    [Fact]
    public void Feature_gradients_of_all_features_are_the_sum_of_each()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var coder = FeatureTests.Coder(TokenScope.Patches);
        var all = new FeatureGradient(coder).Explain(model, pictures, new ClassLogit(1));
        var each = Enumerable.Range(0, 20).Select(feature => new FeatureGradient(coder, feature).Explain(model, pictures, new ClassLogit(1))).ToList();
        for (var k = 0; k < 2; k++)
            for (var place = 0; place < 16; place++)
                Assert.Equal(all[k].Heatmap.Values[place], each.Sum(maps => maps[k].Heatmap.Values[place]), 1e-4);
        // In the last block everything behind is a norm and a head: taking one feature out by a little changes the logit by that much.
        using var reading = FeatureReading.Read(model, pictures, coder);
        var top = reading.Top(0, 1)[0].Feature;
        Assert.Contains(each[top][0].Heatmap.Values.ToArray(), value => value != 0);
        for (var place = 0; place < 16; place++)
            if (reading.Map(0, top).Values[place] == 0) Assert.Equal(0, each[top][0].Heatmap.Values[place]);
        Assert.Throws<OptionsException>(() => new FeatureGradient(coder, 20).Explain(model, pictures));
    }

    private static float Prefix(HookedModel model, Tensor pictures, int layer, int example)
    {
        // The same plan by hand: constant scales, activation factors and patterns.
        var plan = HookPlan.Empty.Edit(point => point.Kind == Site.Ln1Scale || point.Kind == Site.Ln2Scale || point.Kind == Site.FinalScale || point.Kind == Site.Pattern, (value, _) => value.detach());
        Tensor? pre = null;
        plan = plan.Edit(point => point.Kind == Site.MlpPre, (value, _) => pre = value).Edit(point => point.Kind == Site.MlpPost, (value, _) => pre! * (value / pre!).detach());
        using var run = model.Run(pictures, plan.WithGradients(Site.ResidPre[layer]));
        using var graph = enable_grad();
        using var gradients = run.Cache.Gradients(run.Main.select(1, 2).sum());
        return (run.Cache[Site.ResidPre[layer]] * gradients[Site.ResidPre[layer]]).sum(2L)[example][0].item<float>();
    }

    private static double[,] Mixed(Tensor pattern)
    {
        var values = pattern.data<double>().ToArray();
        var mixed = new double[3, 3];
        for (var k = 0; k < 9; k++) mixed[k / 3, k % 3] = 0.5 * values[k] + (k / 3 == k % 3 ? 0.5 : 0);
        return mixed;
    }

    private static double Pearson(float[] a, float[] b)
    {
        var (x, y) = (a.Average(), b.Average());
        var products = a.Zip(b, (u, v) => (double)(u - x) * (v - y)).Sum();
        return products / Math.Sqrt(a.Sum(u => (double)(u - x) * (u - x)) * b.Sum(v => (double)(v - y) * (v - y)));
    }
}
