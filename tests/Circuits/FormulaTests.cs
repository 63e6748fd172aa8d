using Prisma.Circuits;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>The formulas of the methods on small inputs whose results were worked out independently, in float64.</summary>
public sealed class FormulaTests
{
    [Fact]
    public void Rollout_multiplies_the_mixed_attention_of_the_layers()
    {
        using var scope = NewDisposeScope();
        var rolled = AttentionRollout.Roll([Attention(0), Attention(1)]);
        Tiny.Near([0.429923, 0.400581, 0.169496], rolled[0][0]);
        Tiny.Near([1, 1, 1], rolled.sum(2L), 1e-12);
    }

    [Fact]
    public void Rollout_of_identities_is_the_identity()
    {
        using var scope = NewDisposeScope();
        var identity = eye(4, dtype: float64).unsqueeze(0);
        Assert.True(AttentionRollout.Roll([identity, identity, identity]).Equals(identity));
    }

    [Fact]
    public void Rollout_discards_the_smallest_entries_of_each_picture_by_itself()
    {
        using var scope = NewDisposeScope();
        var one = tensor([0.5, 0.3, 0.2, 0.1, 0.6, 0.3, 0.25, 0.35, 0.4], [1, 3, 3]);
        var other = tensor([0.2, 0.2, 0.6, 0.3, 0.1, 0.6, 0.5, 0.25, 0.25], [1, 3, 3]);
        var together = AttentionRollout.Roll([cat([one, other], 0)], 0.34);
        Assert.True(together[0].Equals(AttentionRollout.Roll([one], 0.34)[0]));
        Assert.True(together[1].Equals(AttentionRollout.Roll([other], 0.34)[0]));
        // Of one: 0.1 (first column: kept), 0.2 and 0.25 (first column: kept) are the three smallest; only 0.2 goes.
        Tiny.Near([(0.5 + 1) / 1.8, 0.3 / 1.8, 0], together[0][0], 1e-12);
    }

    [Fact]
    public void Relevance_adds_positive_attention_times_gradient()
    {
        using var scope = NewDisposeScope();
        var relevance = AttentionRelevance.Propagate(
            [Attention(0).unsqueeze(1), Attention(1).unsqueeze(1)],
            [Tiny.G(3, 3, 10).view(1, 1, 3, 3), Tiny.G(3, 3, 11).view(1, 1, 3, 3)]);
        Tiny.Near([1.079665, 0.125422, 0.088565], relevance[0][0]);
    }

    public static TheoryData<string, double[]> ActivationMaps => new()
    {
        { "grad-cam", [0.134361, 0.056817, 0.328720, 0.096557] },
        { "grad-cam++", [0.541571, 0.580256, 0.986754, 0.711374] },
        { "xgrad-cam", [0.569480, 0.679736, 0.970607, 0.811854] },
        { "layer-cam", [0.575960, 1.370217, 0.818188, 1.773547] },
        { "hires-cam", [-0.070979, 1.064147, 0.264961, 1.773547] },
    };

    [Theory, MemberData(nameof(ActivationMaps))]
    public void Activation_maps_combine_values_and_gradients(string name, double[] expected)
    {
        using var scope = NewDisposeScope();
        var values = (Tiny.G(2, 4, 30) + 1).t().unsqueeze(0);
        var gradients = Tiny.G(2, 4, 31).t().unsqueeze(0);
        var method = Assert.IsAssignableFrom<TokenActivationMap>(AttributionMethod.Named(name));
        Tiny.Near(expected, method.Combine(values, gradients)[0], 2e-6);
    }

    private static Tensor Attention(int layer) => Tiny.G(3, 3, layer).softmax(-1).unsqueeze(0);
}
