using Prisma.Circuits;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class CopyingTests
{
    [Fact]
    public void Heads_that_copy_reverse_and_turn_are_told_apart()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var basis = randn(12, 4, generator: generator);
        // A·B with B·A = c·1 copies c times; a quarter turn in each plane has eigenvalues ±i, which are no copies.
        var (u, size, v) = linalg.svd(basis, fullMatrices: false);
        var inverse = (v.t() / size).matmul(u.t());
        var turn = tensor([0f, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0], [4L, 4]);
        foreach (var (map, expected) in new[] { (inverse * 3, 1.0), (inverse * -2, -1.0), (turn.matmul(inverse), 0.0) })
        {
            using var ov = new FactoredMatrix(basis.clone(), map);
            Assert.Equal(expected, CopyingScores.Of(ov), 1e-4);
        }
        using var empty = new FactoredMatrix(zeros(3, 2), zeros(2, 3));
        Assert.True(double.IsNaN(CopyingScores.Of(empty)));
        using var apart = new FactoredMatrix(zeros(3, 2), zeros(2, 4));
        Assert.Throws<ShapeException>(() => CopyingScores.Of(apart));
    }

    [Fact]
    public void Eigenvalues_have_the_traces_of_powers()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        // Σ λ and Σ λ² are the traces of M and M², and Π λ its determinant, whatever the matrix.
        var (a, b) = (randn(20, 16, generator: generator).to(float64), randn(16, 20, generator: generator).to(float64));
        using var ov = new FactoredMatrix(a, b);
        var middle = b.matmul(a);
        using var identity = eye(20, dtype: float64);
        var score = CopyingScores.Of(ov);
        Assert.Equal(score, CopyingScores.Of(ov, identity), 1e-9);
        Assert.InRange(score, -1, 1);
        // A symmetric product has real eigenvalues, |λ| summing to its nuclear norm.
        var half = randn(20, 6, generator: generator).to(float64);
        var signs = tensor([1.0, -1, 2, -0.5, 3, 1]);
        using var symmetric = new FactoredMatrix(half * signs, half.t().contiguous());
        var (_, singular, _) = linalg.svd(half.matmul((half * signs).t()), fullMatrices: false);
        var dense = symmetric.ToDense();
        var trace = (dense * eye(20, dtype: float64)).sum().item<double>();
        Assert.Equal(trace / singular.sum().item<double>(), CopyingScores.Of(symmetric), 1e-8);
        Assert.Equal(middle.shape[0], ov.B.shape[0]);
    }

    [Fact]
    public void Every_head_of_a_vit_has_a_score()
    {
        using var model = Tiny.Vit();
        var scores = CopyingScores.Of(model);
        Assert.Equal([(0, 0), (0, 1), (1, 0), (1, 1)], scores.Select(one => (one.Layer, one.Head)));
        Assert.All(scores, one => Assert.InRange(one.Score, -1, 1));
    }
}

public sealed class ScrubbingTests
{
    [Fact]
    public void A_hypothesis_that_says_nothing_scores_0_and_one_that_says_all_scores_1()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(6);
        int[] nothing = new int[6], all = [0, 1, 2, 3, 4, 5];
        HookSite[] sites = [Site.ResidPost[0], Site.AttnOut[1]];
        var blind = CausalScrubbing.Of(model, pictures, [.. sites.Select(site => new ScrubNode(site, nothing))], new ClassLogit(1));
        Assert.Equal(0, blind.Recovered, 1e-9);
        var whole = CausalScrubbing.Of(model, pictures, [.. sites.Select(site => new ScrubNode(site, all))], new ClassLogit(1));
        Assert.Equal(1, whole.Recovered, 1e-5);
        Assert.Equal(blind.Random, whole.Random, 1e-9);
    }

    [Fact]
    public void What_a_head_carries_is_all_that_matters_to_it()
    {
        using var scope = NewDisposeScope();
        // Direction 1 → head (0,1) → direction 2 → class 0; four examples of which two pairs agree on direction 1 and on nothing else.
        using var model = new StreamModel(layers: 1, heads: 4, width: 8, classes: 2);
        model.Copy(0, 1, from: 1, to: 2);
        model.Head[0, 2].fill_(1);
        using var streams = StreamModel.Streams(4, 3, 8, 3);
        for (var k = 0; k < 4; k++) streams[k].select(1, 1).fill_(k < 2 ? 1 : -2);
        int[] pairs = [0, 0, 1, 1], nothing = new int[4];
        var right = CausalScrubbing.Of(model, streams, [new ScrubNode(Site.Z[0], pairs, Head: 1)], new ClassLogit(0));
        Assert.Equal(1, right.Recovered, 1e-4);
        var wrong = CausalScrubbing.Of(model, streams, [new ScrubNode(Site.Z[0], [0, 1, 0, 1], Head: 1)], new ClassLogit(0), draws: 200);
        Assert.True(wrong.Recovered < 0.5, $"{wrong}");
        // Heads that class 0 does not hear may be anything.
        Assert.Contains("nothing", Assert.Throws<OptionsException>(() => CausalScrubbing.Of(model, streams, [new ScrubNode(Site.Z[0], nothing, Head: 0)], new ClassLogit(0))).Message, StringComparison.Ordinal);
        Assert.Contains("3 keys", Assert.Throws<OptionsException>(() => CausalScrubbing.Of(model, streams, [new ScrubNode(Site.Z[0], [0, 1, 2])], new ClassLogit(0))).Message, StringComparison.Ordinal);
    }
}

public sealed class DeepScrubbingTests
{
    [Fact]
    public void What_a_node_is_made_from_is_tested_too()
    {
        using var scope = NewDisposeScope();
        // Direction 1 → head (0,1) → 2 → head (1,2) → 3 → class 0, or class 1 where it is negative.
        using var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 2);
        model.Copy(0, 1, from: 1, to: 2);
        model.Copy(1, 2, from: 2, to: 3);
        // Each example is asked for its own side of direction 3, so that another's value costs it something.
        model.Head[0, 3].fill_(1);
        model.Head[1, 3].fill_(-1);
        using var streams = StreamModel.Streams(6, 3, 8, 3);
        streams.narrow(2, 2, 2).zero_();
        for (var k = 0; k < 6; k++) streams[k].select(1, 1).fill_(k < 3 ? 1 : -1);
        int[] all = [0, 1, 2, 3, 4, 5], nothing = new int[6];
        ScrubNode Late(params ScrubNode[] inputs) => new(Site.Z[1], all, Head: 2) { Inputs = inputs };
        ScrubScore Score(params ScrubNode[] nodes) => CausalScrubbing.Of(model, streams, nodes, draws: 100);
        // Recorded whole, the late head says it all; so it does rebuilt from the early head, and not rebuilt from any early head's value.
        Assert.Equal(1, Score(Late()).Recovered, 1e-4);
        Assert.Equal(1, Score(Late(new ScrubNode(Site.Z[0], all, Head: 1))).Recovered, 1e-4);
        Assert.InRange(Score(Late(new ScrubNode(Site.Z[0], nothing, Head: 1))).Recovered, -0.25, 0.25);
        // Another early head may be anything, and a third level changes nothing where it says everything.
        Assert.Equal(1, Score(Late(new ScrubNode(Site.Z[0], nothing, Head: 0))).Recovered, 1e-4);
        Assert.Equal(1, Score(Late(new ScrubNode(Site.Z[0], all, Head: 1) { Inputs = [new ScrubNode(Site.ResidPre[0], all)] })).Recovered, 1e-4);
        Assert.InRange(Score(Late(new ScrubNode(Site.Z[0], all, Head: 1) { Inputs = [new ScrubNode(Site.ResidPre[0], nothing)] })).Recovered, -0.25, 0.25);
        Assert.Contains("does not lie before", Assert.Throws<OptionsException>(() => Score(new ScrubNode(Site.Z[0], all) { Inputs = [new ScrubNode(Site.Z[1], all)] })).Message, StringComparison.Ordinal);
    }
}

public sealed class AltiTests
{
    [Fact]
    public void Mixtures_are_shares_by_nearness()
    {
        using var scope = NewDisposeScope();
        // x̃ = (3, 1) of parts (3, 0) and (0, 1): distances 1 and 3 of a norm of 4, so 3 and 1 of 4 parts.
        var parts = tensor([3f, 0, 0, 1, 0, 0, 5, 5], [2, 2, 2]);
        var mixed = AltiLogit.Mixture(parts, tensor([3f, 1, 5, 5], [2, 2]));
        Close.Check("shares", mixed, tensor([0.75f, 0.25f, 0, 1], [2, 2]));
        // A token that is near none of its parts stays itself.
        Close.Check("alone", AltiLogit.Mixture(full([2, 2, 2], -9), ones(2, 2)), eye(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void With_one_block_that_mixes_it_is_value_flow(bool scaled)
    {
        using var scope = NewDisposeScope();
        using var model = scaled ? new Samples.NanoVitFamily().Tiny() : Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var attentions = model.InBlocks<Attention>();
        attentions[0].Module.Out.Matrix.Value.zero_();
        foreach (var mlp in model.InBlocks<Mlp>()) mlp.Module.Out.Matrix.Value.zero_();
        var (alti, flow) = (AttributionMethod.Named("alti-logit").Explain(model, pictures, new ClassLogit(1)), AttributionMethod.Named("value-flow").Explain(model, pictures, new ClassLogit(1)));
        for (var k = 0; k < 2; k++) Close.Check($"picture {k}", tensor(alti[k].Heatmap.Values.ToArray()), tensor(flow[k].Heatmap.Values.ToArray()), 1e-6, 1e-4);
    }

    [Fact]
    public void Heads_behind_a_norm_of_their_own_are_traced_with_its_scale_held()
    {
        using var scope = NewDisposeScope();
        using var model = new TimmEvaFamily().Tiny();
        using var pictures = Tiny.Pictures(2);
        var attentions = model.InBlocks<Attention>();
        Assert.NotNull(attentions[1].Module.InnerNorm);
        // Only the last block mixes, and the target is linear in its stream: a patch's value is what taking its values away from the heads takes away.
        attentions[0].Module.Out.Matrix.Value.zero_();
        foreach (var mlp in model.InBlocks<FeedForward>()) mlp.Module.Out.Matrix.Value.zero_();
        using var generator = new Generator(3);
        var direction = randn(16, generator: generator);
        var target = new PlaceTarget(Site.ResidPost[1], value => value.select(1, 0).matmul(direction), "along a direction");
        var maps = AttributionMethod.Named("alti-logit").Explain(model, pictures, target);
        using var plain = model.Run(pictures, HookPlan.Empty.Keep(Site.Pattern[1], Site.V[1], Site.AttnInnerScale[1], Site.ResidPost[1]));
        for (var patch = 0; patch < 16; patch++)
        {
            var token = 1 + patch;
            var part = plain.Cache[Site.Pattern[1]].select(3, token).transpose(1, 2).unsqueeze(-1) * plain.Cache[Site.V[1]].narrow(1, token, 1);
            using var without = model.Run(pictures, HookPlan.Empty.Keep(Site.ResidPost[1]).Edit(Site.Z[1], (z, _) => z - part).Edit(Site.AttnInnerScale[1], (_, site) => plain.Cache[site]));
            var drop = (plain.Cache[Site.ResidPost[1]] - without.Cache[Site.ResidPost[1]]).select(1, 0).matmul(direction).data<float>().ToArray();
            for (var k = 0; k < 2; k++) Assert.Equal(drop[k], maps[k].Heatmap.Values[patch], 1e-5);
        }
    }
}
