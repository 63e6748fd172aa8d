using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>What every attribution method owes, found by reflection: a new method is tested without a new test.</summary>
public sealed class MethodContracts
{
    private static readonly AttributionOptions s_quick = new() { Steps = 4, Samples = 4, Window = 2, Stride = 2, Batch = 3 };

    public static TheoryData<string> Methods => [.. AttributionMethod.All.Select(method => method.Name)];

    [Fact]
    public void Names_are_unique_and_found()
    {
        Assert.Equal(AttributionMethod.All.Count, AttributionMethod.All.Select(method => method.Name).Distinct().Count());
        Assert.All(AttributionMethod.All, method => Assert.Same(method, AttributionMethod.Named(method.Name)));
        var error = Assert.Throws<OptionsException>(() => AttributionMethod.Named("grad-cm"));
        Assert.Contains("grad-cam", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Methods))]
    public void A_batch_gives_the_maps_of_its_pictures(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(3);
        var method = AttributionMethod.Named(name);
        var together = method.Explain(model, pictures, options: s_quick);
        Assert.Equal(3, together.Count);
        for (var k = 0; k < 3; k++)
        {
            Assert.Equal(TokenLayout.Picture(1, 4, 4, 4), together[k].Heatmap.Layout);
            Assert.Equal(name, together[k].Method);
            Assert.Equal(method.Signed, together[k].Signed);
            if (!method.Signed) Assert.True(together[k].Heatmap.Values.ToArray().All(value => value >= 0), "negative values in a map that says it has none");
            if (method.IsBaseline) continue;
            // What is announced before the work is what the work then takes: a differentiated pass counts as three.
            Assert.InRange(method.Passes(together[k].Heatmap.Layout, s_quick), together[k].Forwards / 2, 3 * together[k].Forwards);
            var alone = method.Explain(model, pictures.narrow(0, k, 1), options: s_quick)[0];
            Close.Check($"picture {k}", tensor(together[k].Heatmap.Values.ToArray()), tensor(alone.Heatmap.Values.ToArray()), 1e-6, 1e-3);
        }
        Assert.True(together[0].Heatmap.Values.ToArray().Distinct().Count() > 1, "a constant map");
    }

    [Theory, MemberData(nameof(Methods))]
    public void The_target_matters_where_the_method_says_so(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var method = AttributionMethod.Named(name);
        var (one, other) = (method.Explain(model, picture, new ClassLogit(0), s_quick)[0], method.Explain(model, picture, new ClassLogit(1), s_quick)[0]);
        Assert.Equal(method.UsesTarget, !one.Heatmap.Values.SequenceEqual(other.Heatmap.Values));
        Assert.Equal(method.UsesTarget ? "class 0" : "none", one.Target);
        if (!method.UsesTarget) return;
        using var logits = model.Run(picture);
        Assert.Equal(logits[0, 0].item<float>(), one.Score!.Value, 1e-5);
    }

    [Theory, MemberData(nameof(Methods))]
    public void The_models_own_answer_is_the_default_target(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var method = AttributionMethod.Named(name);
        using var logits = model.Run(picture);
        var answer = (int)logits.argmax().item<long>();
        var (implied, named) = (method.Explain(model, picture, options: s_quick)[0], method.Explain(model, picture, new ClassLogit(answer), s_quick)[0]);
        Assert.Equal(named.Heatmap.Values.ToArray(), implied.Heatmap.Values.ToArray());
        Assert.Equal(named.Target, implied.Target);
    }

    [Fact]
    public void Impossible_options_are_refused_all_at_once()
    {
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var error = Assert.Throws<OptionsException>(() => AttributionMethod.Named("occlusion").Explain(model, picture, options: new AttributionOptions { Window = 0, Batch = -1 }));
        Assert.Contains("window is 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch is -1", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<OptionsException>(() => AttributionMethod.Named("attention").Explain(model, picture, options: new AttributionOptions { Layer = 2 }));
        Assert.Contains("no block 2", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<OptionsException>(() => AttributionMethod.Named("attention").Explain(model, picture, options: new AttributionOptions { Head = 2 }));
        Assert.Contains("no head 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("no class 5", Assert.Throws<OptionsException>(() => AttributionMethod.Named("grad-cam").Explain(model, picture, new ClassLogit(5))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_method_without_its_places_says_that_it_does_not_apply()
    {
        using var model = new AdditiveModel();
        using var picture = randn(1, 1, 4, 4);
        foreach (var name in new[] { "attention", "rollout", "attention-gradient", "attention-relevance", "grad-cam" })
            Assert.Contains("does not apply", Assert.Throws<NotApplicableException>(() => AttributionMethod.Named(name).Explain(model, picture)).Message, StringComparison.Ordinal);
    }
}

/// <summary>Counts live native tensors, so it runs alone.</summary>
[Collection(nameof(Engine.Alone))]
public sealed class MethodLeaks
{
    [Fact]
    public void No_method_leaves_a_tensor_behind()
    {
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var options = new AttributionOptions { Steps = 3, Samples = 3, Window = 2, Stride = 2, Batch = 2 };
        foreach (var method in AttributionMethod.All)
        {
            Leaks.None(() => method.Explain(model, pictures, options: options));
        }
    }
}
