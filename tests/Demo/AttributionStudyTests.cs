using Prisma.Circuits;
using Prisma.Core;
using Prisma.Demo;

namespace Prisma.Tests;

/// <summary>The study of all heatmap methods, small.</summary>
public sealed class AttributionStudyTests
{
    [Fact]
    public void Methods_that_ignore_the_model_or_the_class_fail_the_randomisation_check()
    {
        var options = new AttributionStudyOptions { Scenes = 12, Choosing = 4, Randomised = 3, Steps = 2, MostSamples = 4 };
        var study = AttributionStudy.Run(() => Models.Load(DemoWeights.Vit), [.. new[] { "value-flow", "rollout", "centre" }.Select(AttributionMethod.Named)], options, new Progress<string>());
        string Verdict(string name) => study.Methods.Single(method => method.Score.Method == name).Verdict;
        Assert.Equal("passes", Verdict("value-flow"));
        Assert.StartsWith("fails: the same for every class", Verdict("rollout"), StringComparison.Ordinal);
        Assert.StartsWith("fails: shows the picture", Verdict("centre"), StringComparison.Ordinal);
        Assert.Equal(("value-flow", 12), (study.Best, study.Scenes));
        Assert.All(study.Methods, method => Assert.True(method.Score.PointingNear >= method.Score.Pointing && method.Score.Pictures == 12));
        var page = AttributionStudyPage.Of(study, "prisma");
        Assert.Contains("| **value-flow** |", page, StringComparison.Ordinal);
        Assert.Contains("| centre (baseline) |", page, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => (options with { Choosing = 0 }).Validate());
    }
}
