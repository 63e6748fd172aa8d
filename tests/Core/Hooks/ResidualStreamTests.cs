using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Core.Hooks;

public sealed class ResidualStreamTests
{
    [Fact]
    public void Layers_and_embeddings_sum_to_the_stream()
    {
        using var scope = NewDisposeScope();
        using var recording = Run();
        var stream = new ResidualStream(recording.Cache);
        using var all = stream.Decomposed();
        Assert.Equal(["full_embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"], all.Labels);
        Close.Check("everything", all.Values.sum(0L), recording.Cache[Site.ResidPost[1]], 1e-5);
        using var first = stream.Decomposed(1);
        Close.Check("block 0", first.Values.sum(0L), recording.Cache[Site.ResidPre[1]], 1e-5);
        using var attention = stream.Decomposed(split: ResidualSplit.AttentionOnly);
        Assert.Equal(["full_embed", "0_attn_out", "1_attn_out"], attention.Labels);
        using var mlp = stream.Decomposed(split: ResidualSplit.MlpOnly);
        Assert.Equal(["full_embed", "0_mlp_out", "1_mlp_out"], mlp.Labels);
    }

    [Fact]
    public void Accumulated_streams_are_those_that_were_kept()
    {
        using var scope = NewDisposeScope();
        using var recording = Run();
        using var parts = new ResidualStream(recording.Cache).Accumulated(includeMid: true);
        Assert.Equal(["0_pre", "0_mid", "1_pre", "1_mid", "final_post"], parts.Labels);
        Assert.True(parts["1_mid"].Equals(recording.Cache[Site.ResidMid[1]]));
        Assert.True(parts["final_post"].Equals(recording.Cache[Site.ResidPost[1]]));
        using var early = new ResidualStream(recording.Cache).Accumulated(1);
        Assert.Equal(["0_pre", "1_pre"], early.Labels);
        Assert.Throws<OptionsException>(() => new ResidualStream(recording.Cache).Accumulated(3));
    }

    [Fact]
    public void Heads_and_their_remainder_sum_to_the_stream()
    {
        using var scope = NewDisposeScope();
        using var model = new VitFamily().Tiny();
        using var recording = Run();
        using var parts = new ResidualStream(recording.Cache).Heads(includeRemainder: true);
        Assert.Equal(["L0H0", "L0H1", "L1H0", "L1H1", "remainder"], parts.Labels);
        Close.Check("sum", parts.Values.sum(0L), recording.Cache[Site.ResidPost[1]], 1e-5);
        Close.Check("heads", parts["L1H0"] + parts["L1H1"] + model.Weights.Single(weight => weight.Name == "blocks.1.attn.out.bias").Weight.Value, recording.Cache[Site.AttnOut[1]], 1e-5);
    }

    [Fact]
    public void Contributions_sum_to_the_logit_and_to_differences()
    {
        using var scope = NewDisposeScope();
        using var model = new VitFamily().Tiny();
        using var recording = Run();
        var readout = Assert.IsAssignableFrom<ILogitReadout>(model);
        var stream = new ResidualStream(recording.Cache);
        foreach (var parts in new[] { stream.Decomposed(), stream.Heads(includeRemainder: true) })
        {
            using (parts)
            {
                using var logit = stream.LogitContributions(parts, readout, 3);
                Assert.Equal([.. parts.Labels, "ln_bias", "head_bias"], logit.Labels);
                Close.Check("logit", logit.Values.sum(0L).select(1, 0), recording.Main.select(1, 3), 1e-5);
                using var difference = stream.LogitContributions(parts, readout, 3, minus: 1);
                Close.Check("difference", difference.Values.sum(0L).select(1, 0), recording.Main.select(1, 3) - recording.Main.select(1, 1), 1e-5);
            }
        }
        using var decomposed = stream.Decomposed();
        Assert.Throws<OptionsException>(() => stream.LogitContributions(decomposed, readout, 5));
    }

    [Fact]
    public void A_place_that_was_not_kept_is_named()
    {
        using var scope = NewDisposeScope();
        using var model = new VitFamily().Tiny();
        using var recording = model.Run(randn(1, 3, 16, 16), HookPlan.Empty.Keep("*.hook_attn_out"));
        Assert.Contains("hook_full_embed", Assert.Throws<SiteNotFoundException>(() => new ResidualStream(recording.Cache).Decomposed()).Message, StringComparison.Ordinal);
        Assert.Contains("blocks.0.attn.hook_result", Assert.Throws<SiteNotFoundException>(() => new ResidualStream(recording.Cache).Heads()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_can_be_differentiated_by()
    {
        using var scope = NewDisposeScope();
        using var model = new VitFamily().Tiny();
        var pixels = randn(1, 3, 16, 16).requires_grad_();
        using var recording = model.Run(pixels, HookPlan.Empty.WithInputGradients());
        var gradient = autograd.grad([recording.Main.sum()], [pixels])[0];
        Assert.Equal(pixels.shape, gradient.shape);
        Assert.True(gradient.abs().sum().item<float>() > 0);
        using var plain = model.Run(pixels, HookPlan.Empty);
        Assert.False(plain.Main.requires_grad);
    }

    private static Recording Run()
    {
        using var model = new VitFamily().Tiny();
        using var generator = new Generator(4);
        using var pixels = randn(2, 3, 16, 16, generator: generator);
        return model.Run(pixels, HookPlan.Empty.Keep("*"));
    }
}
