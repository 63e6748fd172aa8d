using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Core.Hooks;

/// <summary>What a plan can ask for, on a small vision transformer of 17 tokens, 2 heads and 2 blocks.</summary>
public sealed class PlanTests : IDisposable
{
    private readonly HookedModel _model = new VitFamily().Tiny();
    private readonly TinyInput _input;

    public PlanTests() => _input = new TinyInput(_model);

    [Fact]
    public void Places_are_chosen_by_pattern_range_and_condition()
    {
        Assert.Equal(["blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern"], Kept(HookPlan.Empty.Keep("*.hook_pattern")));
        Assert.Equal(["blocks.1.hook_mlp_out"], Kept(HookPlan.Empty.Keep(Site.MlpOut, 1..)));
        Assert.Equal(["blocks.0.hook_mlp_out"], Kept(HookPlan.Empty.Keep(Site.MlpOut, ..^1)));
        Assert.Equal(["blocks.0.hook_resid_mid", "blocks.1.hook_resid_mid"], Kept(HookPlan.Empty.Keep(point => point.Kind == Site.ResidMid)));
        Assert.Equal(["blocks.0.hook_attn_out", "blocks.1.hook_mlp_out"], Kept(HookPlan.Empty.Keep(Site.MlpOut[1]).And(HookPlan.Empty.Keep(Site.AttnOut[0]))));
    }

    [Fact]
    public void A_choice_of_nothing_names_the_nearest_places()
    {
        Assert.Contains("blocks.1.hook_resid_post", Assert.Throws<SiteNotFoundException>(() => Run(HookPlan.Empty.Keep("blocks.1.hook_residpost"))).Message, StringComparison.Ordinal);
        Assert.Throws<SiteNotFoundException>(() => Run(HookPlan.Empty.Keep(Site.MlpOut, 2..)));
        Assert.Throws<SiteNotFoundException>(() => Run(HookPlan.Empty.Keep(_ => false)));
        Assert.Throws<SiteNotFoundException>(() => Run(HookPlan.Empty.Edit(Site.MlpOut[7], (value, _) => value)));
    }

    [Fact]
    public void Positions_are_cut_and_types_converted_at_capture_and_the_pass_does_not_notice()
    {
        using var scope = NewDisposeScope();
        using var whole = Run(HookPlan.Empty.Keep(Site.ResidPost[0], Site.Pattern[0]));
        using var cut = Run(HookPlan.Empty
            .Keep(Site.ResidPost[0], new Capture { Positions = [0, -1], Dtype = ScalarType.Float16 })
            .Keep(Site.Pattern[0], new Capture { Positions = [3] }));
        var stream = cut.Cache[Site.ResidPost[0]];
        Assert.Equal([2, 2, 16], stream.shape);
        Assert.Equal(ScalarType.Float16, stream.dtype);
        var expected = cat([whole.Cache[Site.ResidPost[0]].narrow(1, 0, 1), whole.Cache[Site.ResidPost[0]].narrow(1, 16, 1)], 1);
        Assert.True(stream.Equals(expected.to(ScalarType.Float16)));
        Assert.True(cut.Cache[Site.Pattern[0]].Equals(whole.Cache[Site.Pattern[0]].narrow(2, 3, 1)));
        Assert.True(cut.Main.Equals(whole.Main));
        Assert.Contains("17", Assert.Throws<ShapeException>(() => Run(HookPlan.Empty.Keep(Site.ResidPost[0], new Capture { Positions = [17] }))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_heads_are_formed_when_asked_for_and_sum_to_what_attention_adds()
    {
        using var scope = NewDisposeScope();
        using var plain = Run(HookPlan.Empty.Keep(point => !point.OnDemand));
        Assert.False(plain.Cache.Contains(Site.Result[1]));
        using var asked = Run(HookPlan.Empty.Keep(Site.Result[1], Site.AttnOut[1]));
        Assert.Equal([2, 17, 2, 16], asked.Cache[Site.Result[1]].shape);
        var bias = _model.Weights.Single(weight => weight.Name == "blocks.1.attn.out.bias").Weight.Value;
        Close.Check("sum of heads", asked.Cache[Site.Result[1]].sum(2L) + bias, plain.Cache[Site.AttnOut[1]]);
    }

    [Fact]
    public void Split_inputs_switch_on_when_named_and_reach_their_own_projection_and_head_only()
    {
        using var scope = NewDisposeScope();
        using var plain = Run(HookPlan.Empty.Keep(Site.Q[0], Site.K[0], Site.V[0]));
        using var edited = Run(HookPlan.Empty.Keep(Site.Q[0], Site.K[0], Site.V[0]).Edit(Site.QInput[0], (value, _) =>
        {
            var changed = value.clone();
            changed.select(2, 1).mul_(2).add_(Ramp());
            return changed;
        }));
        Assert.False(edited.Cache[Site.Q[0]].select(2, 1).allclose(plain.Cache[Site.Q[0]].select(2, 1)));
        Close.Check("q of the other head", edited.Cache[Site.Q[0]].select(2, 0), plain.Cache[Site.Q[0]].select(2, 0));
        Close.Check("k", edited.Cache[Site.K[0]], plain.Cache[Site.K[0]]);
        Close.Check("v", edited.Cache[Site.V[0]], plain.Cache[Site.V[0]]);
        Assert.False(edited.Main.allclose(plain.Main));

        static Tensor Ramp() => arange(16, dtype: ScalarType.Float32);
    }

    [Fact]
    public void Gradients_of_any_scalar_are_a_second_cache()
    {
        using var scope = NewDisposeScope();
        using var recording = Run(HookPlan.Empty.WithGradients(Site.ResidPost[0], Site.MlpOut[1]));
        using var gradients = recording.Cache.Gradients(recording.Main.select(1, 2).sum());
        Assert.Equal([Site.ResidPost[0], Site.MlpOut[1]], gradients.Sites);
        var direction = randn(2, 17, 16);
        var slope = (gradients[Site.ResidPost[0]] * direction).sum().item<float>();
        const double Step = 1e-3;
        double At(double step) => Run(HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value + direction * step)).Main.select(1, 2).to(ScalarType.Float64).sum().item<double>();
        var measured = (At(Step) - At(-Step)) / (2 * Step);
        Assert.True(Math.Abs(measured - slope) < 0.02 * Math.Max(1, Math.Abs(slope)), $"slope {slope}, measured {measured}");
        Assert.Throws<PrismaException>(() => Run(HookPlan.Empty).Cache.Gradients(ones(1)));
    }

    [Fact]
    public void Edits_compose_in_order_and_neither_write_in_place_nor_change_shapes()
    {
        using var scope = NewDisposeScope();
        using var plain = Run(HookPlan.Empty.Keep(Site.ResidPost[0]));
        using var twice = Run(HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value + 1).Edit(Site.ResidPost[0], (value, _) => value * 2).Keep(Site.ResidPost[0]));
        Close.Check("(x + 1) 2", twice.Cache[Site.ResidPost[0]], (plain.Cache[Site.ResidPost[0]] + 1) * 2);
        Assert.Contains("wrote into", Assert.Throws<PrismaException>(() => Run(HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value.mul_(2)))).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => Run(HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value.narrow(1, 0, 3))));
        using var after = Run(HookPlan.Empty);
        Assert.True(after.Main.Equals(plain.Main));
    }

    public void Dispose()
    {
        _input.Dispose();
        _model.Dispose();
    }

    private Recording Run(HookPlan plan) => _model.Run(_input.Input, plan);

    private string[] Kept(HookPlan plan)
    {
        using var recording = Run(plan);
        return [.. recording.Cache.Sites.Select(site => site.ToString())];
    }
}
