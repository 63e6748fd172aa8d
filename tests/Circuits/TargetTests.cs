using System.Text.Json;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class TargetTests
{
    private static readonly ModelCard s_card = new()
    {
        Family = "vit",
        Name = "animals",
        Config = default(JsonElement),
        Labels = ["tabby, tabby cat", "dog", "Egyptian cat", "plane, airplane", "dog house"],
    };

    [Theory]
    [InlineData("class:3", "class 3 (plane, airplane)")]
    [InlineData("label:dog", "class 1 (dog)")]
    [InlineData("label:DOG", "class 1 (dog)")]
    [InlineData("label:tabby cat", "class 0 (tabby, tabby cat)")]
    [InlineData("diff:1,2", "class 1 (dog) minus class 2 (Egyptian cat)")]
    [InlineData("diff:plane, airplane,dog", "class 3 (plane, airplane) minus class 1 (dog)")]
    [InlineData("logprob:dog", "log-probability of class 1 (dog)")]
    [InlineData("", "the class that the model chose")]
    public void Targets_are_read_as_they_are_written(string text, string name) => Assert.Equal(name, new TargetText().Parse(text, s_card).Name);

    [Theory]
    [InlineData("class:-1")]
    [InlineData("class:x")]
    [InlineData("klass:1")]
    [InlineData("281")]
    [InlineData("label:")]
    [InlineData("diff:1")]
    [InlineData("feature:3")]
    public void What_is_no_target_is_refused_with_the_forms(string text) =>
        Assert.Contains("diff:cat,dog", Assert.Throws<OptionsException>(() => new TargetText().Parse(text, s_card)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_unknown_label_names_the_nearest() =>
        Assert.Contains("dog", Assert.Throws<OptionsException>(() => new TargetText().Parse("label:dogg", s_card)).Message, StringComparison.Ordinal);

    [Fact]
    public void Texts_and_features_are_resolved_by_the_caller()
    {
        using var vector = ones(4);
        var targets = new TargetText
        {
            Embed = text => text == "a red circle" ? vector : throw new InvalidOperationException(text),
            Feature = (site, feature) => new PlaceTarget(site, value => value, $"feature {feature} at {site}"),
        };
        Assert.Equal("“a red circle”", targets.Parse("text:a red circle", s_card).Name);
        var feature = targets.Parse("feature:blocks.1.hook_resid_post:12", s_card);
        Assert.Equal("feature 12 at blocks.1.hook_resid_post", feature.Name);
        Assert.Equal(Site.ResidPost[1], feature.ReadsAt);
        Assert.Throws<OptionsException>(() => new TargetText().Parse("text:a red circle", s_card));
        Assert.Throws<OptionsException>(() => new TargetText().Parse("feature:blocks.1.hook_resid_post:12", s_card));
        Assert.Throws<SiteNotFoundException>(() => targets.Parse("feature:blocks.1.hook_nowhere:12", s_card));
    }

    [Fact]
    public void Numbers_are_those_of_the_logits()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var recording = model.Run(pictures, HookPlan.Empty);
        var logits = recording.Main;
        Assert.True(new ClassLogit(2).Of(recording).Equals(logits.select(1, 2)));
        Assert.True(new ChosenClass().Of(recording).Equals(logits.amax([1L])));
        Assert.True(new LogitDifference(2, 0).Of(recording).Equals(logits.select(1, 2) - logits.select(1, 0)));
        Close.Check("log-probability", new LogProbability(1).Of(recording), logits.softmax(1).select(1, 1).log());
        Close.Check("probability", new ClassProbability(1).Of(recording), logits.softmax(1).select(1, 1));
        Assert.Equal($"class {logits[1].argmax().item<long>()}", new ChosenClass().Settle(recording, 1).Name);
        Assert.Equal($"probability of class {logits[1].argmax().item<long>()}", new ChosenClass().ForCurves.Settle(recording, 1).Name);
        var sum = new Direction(ones(5) * 3, "sum", "logits");
        Close.Check("cosine", sum.Of(recording), logits.sum(1L) / (logits.square().sum(1L) * 5).sqrt());
        Assert.Contains("as wide", Assert.Throws<ShapeException>(() => new Direction(ones(4), "sum", "logits").Of(recording)).Message, StringComparison.Ordinal);
        Assert.Contains("image_embeds", Assert.Throws<PrismaException>(() => new Direction(ones(4), "sum").Of(recording)).Message, StringComparison.Ordinal);
    }
}
