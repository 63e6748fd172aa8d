using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class FeatureTests
{
    [Theory]
    [InlineData(TokenScope.All, 17, 0)]
    [InlineData(TokenScope.Patches, 16, 1)]
    public void Maps_show_the_codes_on_the_patches(TokenScope scope, int tokens, int first)
    {
        using var disposing = NewDisposeScope();
        using var model = Tiny.Vit();
        using var coder = Coder(scope);
        using var pictures = Tiny.Pictures(3);
        using var reading = FeatureReading.Read(model, pictures, coder);
        Assert.Equal((3, tokens, first), (reading.Pictures, reading.TokensPerPicture, reading.FirstToken));
        Assert.True(reading.OnPicture);
        using var recording = model.Run(pictures, HookPlan.Empty.Keep(Site.ResidPost[0]));
        using var codes = coder.Encode(recording.Cache[Site.ResidPost[0]].narrow(1, first, tokens));
        var dense = codes.ToDense().view(3, tokens, 20);
        foreach (var hit in reading.Top(1, 5))
        {
            var column = dense[1].select(1, hit.Feature);
            Assert.Equal(column.max().item<float>(), hit.Highest);
            Assert.Equal(column.sum().item<float>(), hit.Total, 1e-4);
            Assert.Equal(column.gt(0).sum().item<long>(), hit.Tokens);
            Assert.Equal(column.data<float>().ToArray(), reading.Activations(1, hit.Feature));
            Assert.Equal(column.narrow(0, tokens - 16, 16).data<float>().ToArray(), reading.Map(1, hit.Feature).Values.ToArray());
        }
        Assert.Equal(dense[1].max().item<float>(), reading.Top(1, 1)[0].Highest);
        var sums = dense[1].sum(0, keepdim: false);
        Assert.Equal(sums.argmax().item<long>(), reading.Top(1, 1, FeatureRanking.Total)[0].Feature);
        Assert.Throws<OptionsException>(() => reading.Map(1, 20));
    }

    [Fact]
    public void A_coder_of_the_class_token_has_no_maps()
    {
        using var model = Tiny.Vit();
        using var coder = Coder(TokenScope.Cls);
        using var pictures = Tiny.Pictures(2);
        using var reading = FeatureReading.Read(model, pictures, coder);
        Assert.Equal(1, reading.TokensPerPicture);
        Assert.False(reading.OnPicture);
        Assert.Contains("lie on the picture", Assert.Throws<NotApplicableException>(() => reading.Map(0, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ablating_takes_the_features_direction_out_of_the_stream()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var coder = Coder(TokenScope.All);
        using var pictures = Tiny.Pictures(2);
        using var reading = FeatureReading.Read(model, pictures, coder);
        var feature = reading.Top(0, 1)[0].Feature;
        var effect = FeatureAblation.Effects(model, pictures, coder, [feature])[0];
        var codes = reading.Codes.Column(feature).view(2, 17, 1);
        using var without = model.Run(pictures, HookPlan.Empty.Edit(Site.ResidPost[0], (x, _) => x - codes * coder.Directions[feature]));
        var logits = model.Run(pictures);
        var drops = logits - without.Main;
        for (var k = 0; k < 2; k++)
        {
            Close.Check($"logits of picture {k}", tensor(effect.LogitDrops[k]), drops[k], 1e-5);
            Assert.Equal(drops[k][logits[k].argmax().item<long>()].item<float>(), effect.Drops[k], 1e-5);
        }
        Assert.True(effect.LogitDrops[0].Max(Math.Abs) > 1e-4);
    }

    [Fact]
    public void A_silent_feature_changes_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var coder = Coder(TokenScope.All, silent: 7);
        using var pictures = Tiny.Pictures(2);
        var effect = FeatureAblation.Effects(model, pictures, coder, [7])[0];
        Assert.All(effect.Drops, drop => Assert.Equal(0, drop));
        Assert.All(effect.LogitDrops.SelectMany(drops => drops), drop => Assert.Equal(0, drop));
        Assert.Throws<OptionsException>(() => FeatureAblation.Effects(model, pictures, coder, [20]));
    }

    [Fact]
    public void A_feature_can_be_explained_like_a_class()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var coder = Coder(TokenScope.Patches);
        using var pictures = Tiny.Pictures(2);
        using var reading = FeatureReading.Read(model, pictures, coder);
        var feature = reading.Top(0, 1, FeatureRanking.Total)[0].Feature;
        var target = FeatureTarget.Of(coder, model, pictures, feature);
        Assert.Equal(Site.ResidPost[0], target.ReadsAt);
        var map = AttributionMethod.Named("integrated-gradients").Explain(model, pictures, target, new AttributionOptions { Steps = 300, Batch = 100 })[0];
        Assert.Equal(reading.Activations(0, feature).Sum(value => (double)value), map.Score!.Value, 1e-4);
        Assert.True(Math.Abs(map.Gap!.Value) < 0.05 * Math.Abs(map.Score.Value), $"gap {map.Gap} of {map.Score}");
        Assert.Equal($"feature {feature} at blocks.0.hook_resid_post", map.Target);
        Assert.Throws<OptionsException>(() => FeatureTarget.Of(coder, model, pictures, 20));
    }

    internal static StandardCoder Coder(TokenScope scope, int? silent = null)
    {
        using var disposing = NewDisposeScope();
        using var generator = new Generator(9);
        var bias = zeros(20);
        if (silent is { } feature) bias[feature].fill_(-1e6f);
        return new StandardCoder(
            new CoderCard
            {
                Architecture = "standard",
                Inputs = 16,
                Features = 20,
                Outputs = 16,
                Reads = [Site.ResidPost[0]],
                Writes = [Site.ResidPost[0]],
                Origin = new Provenance { Scope = scope },
            },
            new CoderWeights
            {
                Encoder = randn(20, 16, generator: generator),
                EncoderBias = bias,
                Decoder = randn(20, 16, generator: generator) * 0.3,
                OutputBias = zeros(16),
            });
    }
}
