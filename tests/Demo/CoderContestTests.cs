using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;

namespace Prisma.Tests.Demo;

/// <summary>The table of architectures on the demo's model, with steps enough to see that it runs.</summary>
public sealed class CoderContestTests
{
    private static CoderContestOptions Small => new() { Features = 32, K = 4, Steps = 4, ScenesPerStep = 2, TrainingScenes = 12, HeldOut = 20 };

    [Fact]
    public void Every_architecture_of_one_place_is_in_the_table()
    {
        foreach (var architecture in ArchitectureCatalog.Default.Names.Where(name => name != "cross_layer"))  // it reads several places
            Assert.Contains(CoderContest.Names, name => name.Contains(architecture, StringComparison.Ordinal));
    }

    [Fact]
    public void Entries_are_trained_and_measured_on_held_out_scenes()
    {
        string[] some = ["topk", "gradient", "mutual", "relaxed_archetypal", "end_to_end"];
        using var model = Models.Load(DemoWeights.Vit);
        var rows = CoderContest.Run(model, Small with { Only = some }).ToList();
        Assert.Equal(some, rows.Select(row => row.Name));
        Assert.All(rows, row =>
        {
            Assert.InRange(row.L0, 0, 32);
            Assert.InRange(row.Dead, 0, 1);
            Assert.True(double.IsFinite(row.ExplainedVariance) && row.ExplainedVariance < 1, row.Name);
            Assert.True(double.IsFinite(row.LossRecovered) && row.LossRecovered < 1.01, row.Name);
        });
    }

    [Fact]
    public void An_unknown_entry_is_named()
    {
        using var model = Models.Load(DemoWeights.Vit);
        Assert.Contains("'topp'", Assert.Throws<OptionsException>(() => CoderContest.Run(model, Small with { Only = ["topp"] }).ToList()).Message, StringComparison.Ordinal);
    }
}
