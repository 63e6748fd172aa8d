using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>What the methods' definitions promise, on random weights and on a model whose answer is a sum.</summary>
public sealed class AttributionLaws
{
    [Fact]
    public void Integrated_gradients_sum_to_the_difference_of_scores()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        foreach (var fill in Enum.GetValues<PixelFill>())
        {
            var options = new AttributionOptions { Steps = 200, Batch = 100, Fill = fill, BlurSigma = 2 };
            foreach (var (map, k) in AttributionMethod.Named("integrated-gradients").Explain(model, pictures, new ClassLogit(2), options).Select((map, k) => (map, k)))
            {
                var picture = pictures.narrow(0, k, 1);
                var baseline = fill switch
                {
                    PixelFill.Zero => picture.zeros_like(),
                    PixelFill.Mean => picture.mean([2, 3], keepdim: true).expand(picture.shape),
                    _ => null,
                };
                var sum = map.Heatmap.Values.ToArray().Sum(value => (double)value);
                if (baseline is not null)
                {
                    var change = (model.Run(picture)[0, 2] - model.Run(baseline)[0, 2]).item<float>();
                    Assert.True(Math.Abs(sum - change) <= 0.01 * Math.Abs(change) + 1e-4, $"{fill}: values sum to {sum}, the scores differ by {change}");
                }
                Assert.True(Math.Abs(map.Gap!.Value) <= 0.01 * Math.Abs(sum) + 1e-4, $"{fill}: gap {map.Gap} of {sum}");
            }
        }
    }

    [Fact]
    public void Token_integrated_gradients_close_their_gap_too()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        foreach (var layer in new[] { 0, 1 })
        {
            var maps = AttributionMethod.Named("token-integrated-gradients").Explain(model, pictures, new ClassLogit(2), new AttributionOptions { Steps = 200, Batch = 100, Layer = layer });
            var change = (model.Run(pictures) - model.Run(pictures.zeros_like())).select(1, 2).data<float>().ToArray();
            for (var k = 0; k < 2; k++)
            {
                Assert.True(Math.Abs(maps[k].Gap!.Value) <= 0.01 * Math.Abs(change[k]) + 1e-4, $"block {layer}: gap {maps[k].Gap}; {maps[k].Note}");
                // The class token is the same in every picture until a block has mixed it.
                if (layer == 0) Assert.Equal(change[k], maps[k].Heatmap.Values.ToArray().Sum(), 0.02);
            }
        }
    }

    [Fact]
    public void On_a_sum_over_pixels_every_method_of_contributions_gives_the_patch_sums()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        using var generator = new Generator(5);
        var picture = randn(1, 1, 4, 4, generator: generator);
        var weights = tensor(AdditiveModel.PixelWeights, [1L, 1, 4, 4]);
        var byHand = AdditiveModel.Patches(picture * weights).sum(2L)[0];
        var methods = new (string Name, AttributionOptions Options)[]
        {
            ("gradient-x-input", new()),
            ("token-gradient-x-input", new()),
            ("integrated-gradients", new() { Steps = 1 }),
            ("integrated-gradients", new() { Steps = 7, Batch = 2 }),
            ("token-integrated-gradients", new() { Steps = 3 }),
            ("smooth-grad", new() { Samples = 3 }),
            ("occlusion", new() { Window = 1, Batch = 3 }),
        };
        foreach (var (name, options) in methods)
        {
            var map = AttributionMethod.Named(name).Explain(model, picture, new ClassLogit(0), options)[0];
            Close.Check(name, tensor(map.Heatmap.Values.ToArray()), byHand, 1e-6);
            var against = AttributionMethod.Named(name).Explain(model, picture, new ClassLogit(1), options)[0];
            Close.Check(name + " against", tensor(against.Heatmap.Values.ToArray()), byHand.neg(), 1e-6);
            var difference = AttributionMethod.Named(name).Explain(model, picture, new LogitDifference(0, 1), options)[0];
            Close.Check(name + " difference", tensor(difference.Heatmap.Values.ToArray()), byHand * 2, 1e-6);
        }
    }

    [Fact]
    public void Integrated_gradients_start_at_the_baseline()
    {
        using var scope = NewDisposeScope();
        using var model = new AdditiveModel();
        var picture = arange(16, float32).view(1, 1, 4, 4);
        var weights = tensor(AdditiveModel.PixelWeights, [1L, 1, 4, 4]);
        var map = AttributionMethod.Named("integrated-gradients").Explain(model, picture, new ClassLogit(0), new AttributionOptions { Fill = PixelFill.Mean, Steps = 2 })[0];
        Close.Check("w·(x − mean)", tensor(map.Heatmap.Values.ToArray()), AdditiveModel.Patches((picture - 7.5) * weights).sum(2L)[0], 1e-5);
    }

    [Fact]
    public void Covering_the_whole_picture_drops_the_target_to_that_of_the_fill()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var maps = AttributionMethod.Named("occlusion").Explain(model, pictures, new ClassLogit(1), new AttributionOptions { Window = 4 });
        var drop = (model.Run(pictures) - model.Run(pictures.zeros_like())).select(1, 1).data<float>().ToArray();
        for (var k = 0; k < 2; k++)
        {
            Assert.All(maps[k].Heatmap.Values.ToArray(), value => Assert.Equal(drop[k], value, 1e-5));
            Assert.Equal(2, maps[k].Forwards);
        }
    }

    [Fact]
    public void Windows_reach_the_rim_and_are_counted()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        // Starts 0 and, at the rim, 1 of a 4-wide grid with windows of 3 and steps of 2: 2 × 2 windows and the picture itself.
        var map = AttributionMethod.Named("occlusion").Explain(model, picture, options: new AttributionOptions { Window = 3, Stride = 2 })[0];
        Assert.Equal(5, map.Forwards);
        Assert.All(map.Heatmap.Values.ToArray(), value => Assert.NotEqual(0, value));
    }

    [Fact]
    public void Attention_rows_with_the_class_tokens_share_sum_to_one()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var recording = model.Run(pictures, HookPlan.Empty.Keep(Site.Pattern[0]));
        var pattern = recording.Cache[Site.Pattern[0]];
        var maps = AttributionMethod.Named("attention").Explain(model, pictures, options: new AttributionOptions { Layer = 0 });
        for (var k = 0; k < 2; k++)
        {
            var self = pattern.mean([1])[k][0, 0].item<float>();
            Assert.Equal(1, maps[k].Heatmap.Values.ToArray().Sum() + self, 1e-5);
            Assert.Contains("token 0", maps[k].Note, StringComparison.Ordinal);
        }
        var head = AttributionMethod.Named("attention").Explain(model, pictures, options: new AttributionOptions { Layer = 0, Head = 1 })[1];
        Close.Check("one head", tensor(head.Heatmap.Values.ToArray()), pattern[1][1][0].narrow(0, 1, 16), 1e-7);
    }

    [Fact]
    public void Through_a_linear_embedding_pixels_and_tokens_share_the_same_integral()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(1);
        var options = new AttributionOptions { Steps = 20, Batch = 7 };
        var pixels = AttributionMethod.Named("integrated-gradients").Explain(model, pictures, new ClassLogit(1), options)[0];
        var tokens = AttributionMethod.Named("token-integrated-gradients").Explain(model, pictures, new ClassLogit(1), options)[0];
        Close.Check("patch sums", tensor(pixels.Heatmap.Values.ToArray()), tensor(tokens.Heatmap.Values.ToArray()), 1e-5, 1e-3);
    }

    [Fact]
    public void Value_flow_is_the_direct_effect_of_each_source_token()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var map = AttributionMethod.Named("value-flow").Explain(model, pictures, new ClassLogit(1))[1];
        // A small share of one patch's values taken away wherever they are read, the pattern as it was.
        const double Step = 1e-2;
        const int Token = 1 + 4 + 2;
        using var plain = model.Run(pictures, HookPlan.Empty.Keep(Site.Pattern[1], Site.V[1]));
        var pattern = plain.Cache[Site.Pattern[1]].select(3, Token).transpose(1, 2).unsqueeze(-1);
        var part = pattern * plain.Cache[Site.V[1]].narrow(1, Token, 1);
        double Logit(double factor)
        {
            using var run = model.Run(pictures, HookPlan.Empty.Edit(Site.Z[1], (z, _) => z + part * factor));
            return run.Main[1, 1].item<float>();
        }
        Assert.Equal((Logit(Step) - Logit(-Step)) / (2 * Step), map.Heatmap[0, 1, 2], 1e-3);
    }

    [Fact]
    public void Gradient_times_input_agrees_with_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var map = AttributionMethod.Named("gradient-x-input").Explain(model, picture, new ClassLogit(3))[0];
        const double Step = 1e-2;
        var mask = zeros(1, 1, 16, 16);
        mask[0].narrow(1, 4, 4).narrow(2, 8, 4).fill_(1);
        var up = model.Run(picture * (mask * Step + 1))[0, 3].item<float>();
        var down = model.Run(picture * (mask * -Step + 1))[0, 3].item<float>();
        Assert.Equal((up - down) / (2 * Step), map.Heatmap[0, 1, 2], 2e-3);
    }

    [Fact]
    public void A_target_inside_the_model_can_be_explained_from_before_it_only()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var target = new PlaceTarget(Site.MlpPost[0], value => value.select(2, 3).sum(1L), "neuron 3 of block 0");
        var map = AttributionMethod.Named("integrated-gradients").Explain(model, picture, target, new AttributionOptions { Steps = 100, Batch = 50 })[0];
        Assert.True(Math.Abs(map.Gap!.Value) < 0.01, $"gap {map.Gap}");
        Assert.Equal("neuron 3 of block 0", map.Target);
        _ = AttributionMethod.Named("occlusion").Explain(model, picture, target);
        Assert.Contains("before blocks.1", Assert.Throws<OptionsException>(() => AttributionMethod.Named("grad-cam").Explain(model, picture, target)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Geometries_lead_maps_back_to_the_original_pictures()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var geometry = new ImageGeometry(40, 20, 32, 16, 8, 0, 16, 16);
        var map = AttributionMethod.Named("attention").Explain(model, picture, options: new AttributionOptions { Geometries = [geometry] })[0];
        Assert.Equal(800, map.Heatmap.OnPicture().Length);
        Assert.Contains("2 geometries", Assert.Throws<OptionsException>(() =>
            AttributionMethod.Named("attention").Explain(model, picture, options: new AttributionOptions { Geometries = [geometry, geometry] })).Message, StringComparison.Ordinal);
    }
}
