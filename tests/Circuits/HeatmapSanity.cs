using Prisma.Circuits;
using Prisma.Core;
using Prisma.Video;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>The properties by which a heatmap method is known to be the method that its name says, where no other test holds them.</summary>
public sealed class HeatmapSanity
{
    [Fact]
    public void A_product_is_shared_half_and_half_by_integration_and_counted_twice_by_one_slope()
    {
        using var scope = NewDisposeScope();
        // y = x₁·x₂ of one pixel of the first patch and one of the last.
        using var model = new AdditiveModel(tokens => tokens.select(1, 0).select(1, 1) * tokens.select(1, 3).select(1, 2));
        using var generator = new Generator(5);
        var picture = randn(1, 1, 4, 4, generator: generator);
        var tokens = AdditiveModel.Patches(picture)[0];
        var product = (tokens[0, 1] * tokens[3, 2]).item<float>();
        foreach (var (name, share) in new[] { ("integrated-gradients", 0.5f), ("token-integrated-gradients", 0.5f), ("gradient-x-input", 1), ("occlusion", 1) })
        {
            var map = AttributionMethod.Named(name).Explain(model, picture, new ClassLogit(0), new AttributionOptions { Steps = 3, Window = 1 })[0];
            Close.Check(name, tensor(map.Heatmap.Values.ToArray()), tensor([share * product, 0, 0, share * product]), 1e-6);
        }
    }

    [Fact]
    public void Where_attention_changes_nothing_maps_through_it_are_empty()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        foreach (var (_, attention) in model.InBlocks<Attention>()) attention.Out.Matrix.Value.zero_();
        using var pictures = Tiny.Pictures(2);
        foreach (var name in new[] { "attention-relevance", "attention-gradient", "legrad", "value-flow", "alti-logit" })
            foreach (var map in AttributionMethod.Named(name).Explain(model, pictures, new ClassLogit(1)))
                Assert.All(map.Heatmap.Values.ToArray(), value => Assert.True(value == 0, $"{name}: {value}"));
    }

    [Fact]
    public void Relevance_never_falls_below_what_a_token_brings_itself()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var patterns = Enumerable.Range(0, 3).Select(_ => randn(2, 2, 5, 5, generator: generator).softmax(-1)).ToList();
        var relevance = AttentionRelevance.Propagate(patterns, [.. patterns.Select(_ => randn(2, 2, 5, 5, generator: generator))]);
        Assert.True(relevance.diagonal(0, 1, 2).min().item<float>() >= 1);
        Assert.True(relevance.min().item<float>() >= 0);
    }

    [Fact]
    public void With_the_same_weights_at_every_patch_activation_maps_are_the_contributions()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var a = randn(2, 9, 4, generator: generator);
        var g = randn(2, 1, 4, generator: generator).expand(2, 9, 4);
        var exact = (a * g).sum(2L);
        TokenActivationMap Method(string name) => Assert.IsAssignableFrom<TokenActivationMap>(AttributionMethod.Named(name));
        Close.Check("HiResCAM", Method("hires-cam").Combine(a, g), exact, 1e-5);
        Close.Check("Grad-CAM", Method("grad-cam").Combine(a, g), exact.relu(), 1e-5);
        Close.Check("XGrad-CAM", Method("xgrad-cam").Combine(a, g), exact.relu(), 1e-3);
        // Whatever the weights: HiResCAM's places sum to all of Σ g·a, as a linear head's answer does.
        var uneven = randn(2, 9, 4, generator: generator);
        Close.Check("complete", Method("hires-cam").Combine(a, uneven).sum(1L), (a * uneven).sum([1L, 2L]), 1e-5);
    }

    [Fact]
    public void Through_rectified_units_relevance_is_the_gradient()
    {
        using var scope = NewDisposeScope();
        using var model = new Samples.NanoVit(new Samples.NanoVitConfig(16, 2, 2, 24, 4, 16, 5), "relu");
        using var generator = new Generator(7);
        foreach (var (_, weight) in model.Weights) weight.Set(randn([.. weight.Shape], generator: generator) * 0.3);
        using var pictures = Tiny.Pictures(2);
        // max(0, x)/x is the slope itself, so only norms and patterns have to be held to get CP-LRP by hand.
        bool Held(HookPoint point) => point.Kind == Site.Ln1Scale || point.Kind == Site.Ln2Scale || point.Kind == Site.FinalScale || point.Kind == Site.Pattern;
        using var run = model.Run(pictures, HookPlan.Empty.Edit(Held, (value, _) => value.detach()).WithGradients(Site.ResidPre[0]));
        using (enable_grad())
        {
            using var gradients = run.Cache.Gradients(run.Main.select(1, 2).sum());
            var byHand = (run.Cache[Site.ResidPre[0]] * gradients[Site.ResidPre[0]]).sum(2L).detach();
            var maps = AttributionMethod.Named("cp-lrp").Explain(model, pictures, new ClassLogit(2));
            for (var k = 0; k < 2; k++) Close.Check($"picture {k}", tensor(maps[k].Heatmap.Values.ToArray()), byHand[k], 1e-6, 1e-4);
        }
    }

    [Fact]
    public void A_clip_that_stands_still_is_explained_alike_at_every_time_and_the_times_sum_to_the_whole()
    {
        using var scope = NewDisposeScope();
        using var model = new VivitFamily().Tiny();
        using var generator = new Generator(7);
        // Positions that say nothing of time: the first time step's, again and again.
        var positions = model.Weights.Single(weight => weight.Name.Contains("pos", StringComparison.Ordinal)).Weight.Value;
        var still = randn([1, 1, 3, 16, 16], generator: generator).expand(1, 4, 3, 16, 16).contiguous();
        var layout = model.LayoutOf(still)!;
        var cells = layout.Rows * layout.Columns;
        for (var frame = 1; frame < layout.Frames; frame++)
            positions.narrow(1, layout.Prefix + frame * cells, cells).copy_(positions.narrow(1, layout.Prefix, cells));
        var options = new AttributionOptions { Steps = 100, Batch = 50 };
        foreach (var name in new[] { "integrated-gradients", "token-gradient-x-input", "token-integrated-gradients", "attention", "rollout", "attention-relevance", "value-flow", "alti-logit", "cp-lrp" })
        {
            var map = AttributionMethod.Named(name).Explain(model, still, new ClassLogit(1), options)[0].Heatmap;
            var times = tensor(map.Values.ToArray(), [layout.Frames, cells]);
            for (var frame = 1; frame < layout.Frames; frame++) Close.Check($"{name}, time {frame}", times[frame], times[0], 1e-5, 1e-3);
            if (name != "integrated-gradients") continue;
            var change = (model.Run(still)[0, 1] - model.Run(still.zeros_like())[0, 1]).item<float>();
            Assert.True(Math.Abs(times.sum(1L).sum().item<float>() - change) <= 0.01 * Math.Abs(change) + 1e-4);
        }
    }

    [Fact]
    public void Rollout_of_divided_attention_is_that_of_its_parts_written_out_over_all_tokens()
    {
        using var scope = NewDisposeScope();
        using var model = new TimeSformerFamily().Tiny();
        using var inputs = new TinyInput(model);
        var layout = model.LayoutOf(inputs.Input)!;
        var (frames, places, tokens) = (layout.Frames, layout.Rows * layout.Columns, layout.Tokens);
        using var run = model.Run(inputs.Input, HookPlan.Empty.Keep(point => point.Kind == Site.Pattern || point.Kind == Site.TemporalPattern));
        const int Example = 1;
        int At(int place, int frame) => layout.TokenAt(frame, place / layout.Columns, place % layout.Columns);
        var parts = new List<Tensor>();
        for (var layer = 0; layer < 2; layer++)
        {
            var (time, space) = (run.Cache[Site.TemporalPattern[layer]].mean([1]), run.Cache[Site.Pattern[layer]].mean([1]));
            var (overTime, overSpace) = (new float[tokens, tokens], new float[tokens, tokens]);
            overTime[0, 0] = 1;
            for (var place = 0; place < places; place++)
            {
                var own = time[Example * places + place].contiguous().data<float>().ToArray();
                for (var t = 0; t < frames; t++)
                    for (var u = 0; u < frames; u++) overTime[At(place, t), At(place, u)] = own[t * frames + u];
            }
            for (var t = 0; t < frames; t++)
            {
                var own = space[Example * frames + t].contiguous().data<float>().ToArray();
                int Token(int k) => k == 0 ? 0 : At(k - 1, t);
                for (var q = 0; q <= places; q++)
                    for (var k = 0; k <= places; k++) overSpace[Token(q), Token(k)] += own[q * (places + 1) + k] / (q == 0 ? frames : 1);
            }
            foreach (var dense in new[] { overTime, overSpace }) parts.Add(tensor([.. dense.Cast<float>()], [1, tokens, tokens]));
        }
        foreach (var part in parts) Close.Check("rows", part.sum(-1L), ones(1, tokens), 1e-5);
        var rolled = AttentionRollout.Roll(parts);
        var map = AttributionMethod.Named("rollout").Explain(model, inputs.Input)[Example].Heatmap;
        for (var place = 0; place < places; place++)
            for (var frame = 0; frame < frames; frame++)
                Assert.Equal(rolled[0][0][At(place, frame)].item<float>(), map[frame, place / layout.Columns, place % layout.Columns], 1e-6);
        // What the class token keeps of itself is on no map.
        Assert.Equal(1 - rolled[0][0][0].item<float>(), map.Values.ToArray().Sum(), 1e-5);
    }
}
