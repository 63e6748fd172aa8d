using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class EdgePruningTests
{
    [Fact]
    public void Gates_are_hard_concrete()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0.831822, HardConcrete.Open(zeros(1)).item<float>(), 1e-5);
        using var generator = new Generator(1);
        var drawn = HardConcrete.Sample(zeros(20000), generator);
        Assert.Equal(0.831822, drawn.gt(0).to(float32).mean().item<float>(), 0.01);
        Assert.InRange(drawn.eq(1).to(float32).mean().item<float>(), 0.15, 0.19);
        Tiny.Near([0, 0.5, 1], HardConcrete.Settled(tensor([-9f, 0, 9])), 1e-6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Learned_gates_find_the_planted_edges_and_end_where_they_should(bool divergence)
    {
        using var scope = NewDisposeScope();
        using var model = EdgeTests.Planted();
        using var clean = EdgeTests.Fed(1);
        using var corrupt = EdgeTests.Fed(2);
        var options = new EdgePruningOptions { Steps = 450 };
        var target = divergence ? null : new ClassLogit(0);
        var found = EdgePruning.Find(model, clean, corrupt, 4, target, options: options);
        var truth = EdgeTests.Truth(found.Circuit.Graph);
        Assert.True((1.0, 1.0) == found.Circuit.Against(truth), $"{string.Join(", ", found.Circuit.Edges)}; open {found.Open}, undecided {found.Undecided}, loss {found.Course[^1]}");
        // The expected share of closed gates within 0.01 of the one asked for, and nearly all gates at 0 or 1.
        var all = found.Circuit.Graph.EdgeCount;
        Assert.InRange(Math.Abs(found.Open - 4) / all, 0, 0.01);
        Assert.InRange(found.Undecided, 0, 0.05);
        Assert.Equal(1, CircuitScore.Of(model, clean, corrupt, found.Circuit, new ClassLogit(0)).Faithfulness, 1e-3);
        if (!divergence) Assert.Equal(found.Circuit.Edges, EdgePruning.Find(model, clean, corrupt, 4, target, options: options).Circuit.Edges);
    }

    [Fact]
    public void Impossible_wishes_are_refused()
    {
        using var scope = NewDisposeScope();
        using var model = EdgeTests.Planted();
        using var clean = EdgeTests.Fed(1);
        using var corrupt = EdgeTests.Fed(2);
        Assert.Contains("the graph has", Assert.Throws<OptionsException>(() => EdgePruning.Find(model, clean, corrupt, 100000)).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => EdgePruning.Find(model, clean, corrupt, 3, options: new EdgePruningOptions { Steps = 0 }));
        Assert.Contains("no behaviour", Assert.Throws<PrismaException>(() => EdgePruning.Find(model, clean, clean, 3, new ClassLogit(0))).Message, StringComparison.Ordinal);
    }
}
