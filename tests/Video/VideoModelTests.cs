using Prisma.Circuits;
using Prisma.Core;
using Prisma.Video;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Video;

/// <summary>What video models owe beyond what every family owes.</summary>
public sealed class VideoModelTests
{
    public static TheoryData<string> Families => [.. Models.Catalog.Families.Where(family =>
    {
        using var tiny = family.Tiny();
        return tiny is IVideoModel;
    }).Select(family => family.Name)];

    [Theory, MemberData(nameof(Families))]
    public void The_layout_says_which_token_sees_which_pixels(string name)
    {
        using var model = Tiny(name);
        var video = (IVideoModel)model;
        using var scope = NewDisposeScope();
        using var inputs = new TinyInput(model);
        var clip = inputs.Input[video.ClipInput];
        var layout = model.LayoutOf(inputs.Input)!;
        // Where encoders read single steps, the tubelets of the whole clip are those that were just cut.
        var place = model is VivitFactorised ? Site.Embed.Only : Site.ResidPre[0].In("");
        var plan = HookPlan.Empty.Keep(place).StopAfter(place);
        using var before = model.Run(new ModelInput { [video.ClipInput] = clip }, plan);
        foreach (var (frame, row, column) in new[] { (0, 0, 0), (1, 2, 3), (layout.Frames - 1, 3, 1) })
        {
            var changed = clip.clone();
            var channelsFirst = video.ClipOrder == ClipOrder.ChannelsFirst ? changed : changed.transpose(1, 2);
            channelsFirst.narrow(2, frame * layout.Tubelet, 1).narrow(3, row * layout.PatchHeight + 1, 1).narrow(4, column * layout.PatchWidth, 1).add_(1);
            using var after = model.Run(new ModelInput { [video.ClipInput] = changed }, plan);
            var moved = (after.Cache[place] - before.Cache[place]).abs().amax([0L, 2L]);
            var tokens = Enumerable.Range(0, layout.Tokens).Where(token => moved[token].item<float>() > 0).ToList();
            Assert.Equal([layout.TokenAt(frame, row, column)], tokens);
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void The_other_order_of_axes_is_taken_where_the_channels_tell_it(string name)
    {
        using var model = Tiny(name);
        var video = (IVideoModel)model;
        using var scope = NewDisposeScope();
        using var inputs = new TinyInput(model);
        var clip = inputs.Input[video.ClipInput];
        var own = model.Run(new ModelInput { [video.ClipInput] = clip });
        Assert.True(own.Equals(model.Run(new ModelInput { [video.ClipInput] = clip.transpose(1, 2).contiguous() })));
        Assert.Contains("expected [batch", Assert.Throws<ShapeException>(() => model.Run(new ModelInput { [video.ClipInput] = randn([1, 4, 5, 16, 16]) })).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => model.Run(new ModelInput { [video.ClipInput] = clip.to(ScalarType.Int64) }));
    }

    [Fact]
    public void Fixed_positions_take_no_other_clip_and_the_rest_take_their_references_way()
    {
        using var scope = NewDisposeScope();
        foreach (var name in new[] { "videomae", "vivit" })
        {
            using var model = Tiny(name);
            Assert.Contains("4 frames of 16x16", Assert.Throws<ShapeException>(() => model.Run(randn([1, 6, 3, 16, 16]))).Message, StringComparison.Ordinal);
        }
        foreach (var name in new[] { "timesformer", "vjepa2" })
        {
            using var model = Tiny(name);
            Assert.True(model.Run(randn([1, 6, 3, 24, 20])).isfinite().all().item<bool>());
        }
        using var vjepa = Tiny("vjepa");
        Assert.Equal([1, 3 * 6 * 5, 16], vjepa.Run(randn([1, 3, 6, 24, 20])).shape);
        var still = randn(1, 3, 16, 16);
        Assert.True(vjepa.Run(still).Equals(vjepa.Run(still.unsqueeze(2).repeat(1, 1, 4, 1, 1))));
    }

    [Fact]
    public void Joint_attention_is_built_and_space_only_refused()
    {
        using var scope = NewDisposeScope();
        var config = new TimeSformerConfig { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Patch = 4, Image = 16, Frames = 4, Classes = 5, Attention = SpaceTimeAttention.Joint };
        using var joint = new TimeSformerFamily().Random(config, 0);
        using var recording = joint.Run(randn([2, 4, 3, 16, 16]), HookPlan.Empty.Keep(Site.Pattern[1]));
        Assert.Equal([2, 2, 65, 65], recording.Cache[Site.Pattern[1]].shape);
        using var spaceOnly = new CheckpointCopy("hf_timesformer", json => json["attention_type"] = "space_only");
        Assert.Contains("space_only", spaceOnly.Refusal(), StringComparison.Ordinal);
        using var scaled = new CheckpointCopy("opengvlab_videomaev2", json => json["model_config"]!["qk_scale"] = 0.5);
        Assert.Contains("model_config: 'qk_scale' = 0.5 is not built", scaled.Refusal(), StringComparison.Ordinal);
        using var other = new CheckpointCopy("opengvlab_videomaev2", json => json["model_config"]!["norm_layer"] = "nn.RMSNorm");
        Assert.Contains("nn.RMSNorm", other.Refusal(), StringComparison.Ordinal);
        using var sizeless = new CheckpointCopy("opengvlab_videomaev2", json => json.AsObject().Remove("model_config"));
        Assert.Contains("'model_config' is missing", sizeless.Refusal(), StringComparison.Ordinal);
        using var unscaled = new CheckpointCopy("opengvlab_videomaev2", json => json["model_config"]!["init_values"] = 0.1);
        Assert.Contains("gamma_1", unscaled.Refusal(), StringComparison.Ordinal);
        using var twice = new CheckpointCopy("prisma_vjepa", json => json["use_sdpa"] = false);
        Assert.Contains("use_sdpa", twice.Refusal(), StringComparison.Ordinal);
        using var decoder = new CheckpointCopy("hf_vivit", json => json["some_cap"] = 30.5);
        Assert.Contains("some_cap", decoder.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_predictor_runs_only_with_both_masks()
    {
        using var model = Tiny("vjepa2");
        using var scope = NewDisposeScope();
        var clip = randn([1, 4, 3, 16, 16]);
        using var alone = model.Run(clip, HookPlan.Empty.Keep("*.hook_resid_post"));
        Assert.DoesNotContain(alone.Cache.Sites, site => site.Path.Part == "predictor");
        Assert.Equal(["last_hidden_state"], alone.Outputs.Keys);
        var some = tensor(new long[] { 0, 5 }, [1, 2]);
        Assert.Contains("target_mask", Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["pixel_values_videos"] = clip, ["context_mask"] = some })).Message, StringComparison.Ordinal);
        var far = tensor(new long[] { 0, 32 }, [1, 2]);
        Assert.Contains("0 to 31", Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["pixel_values_videos"] = clip, ["context_mask"] = some, ["target_mask"] = far })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Methods_explain_clips_or_say_that_they_do_not_apply()
    {
        using var model = Tiny("videomae");
        using var scope = NewDisposeScope();
        using var inputs = new TinyInput(model);
        var options = new AttributionOptions { Steps = 30, Samples = 3 };
        var applied = 0;
        foreach (var method in AttributionMethod.All)
        {
            IReadOnlyList<AttributionMap> maps;
            try
            {
                maps = method.Explain(model, inputs.Input, options: options);
            }
            catch (NotApplicableException)
            {
                continue;
            }
            Assert.All(maps, map => Assert.Equal((2, 4, 4), (map.Heatmap.Layout.Frames, map.Heatmap.Layout.Rows, map.Heatmap.Layout.Columns)));
            applied++;
        }
        Assert.True(applied >= 15, $"{applied} methods");
        var gradient = AttributionMethod.Named("integrated-gradients").Explain(model, inputs.Input, new ClassLogit(1), options)[0];
        var empty = model.Run(inputs.Input["pixel_values"].zeros_like())[0, 1].item<float>();
        Assert.Equal(gradient.Score!.Value - empty, gradient.Heatmap.Values.ToArray().Sum() + gradient.Gap!.Value, 1e-4);
        Assert.True(Math.Abs(gradient.Gap.Value) < 0.02 * Math.Max(0.1, Math.Abs(gradient.Score.Value - empty)), $"gap {gradient.Gap}");
    }

    [Fact]
    public void Two_stacks_are_explained_over_space_and_time()
    {
        using var model = Tiny("vivit_factorised");
        using var scope = NewDisposeScope();
        using var clip = randn([1, 4, 3, 16, 16], generator: new Generator(3));
        var input = new ModelInput { ["pixel_values"] = clip };
        AttributionMap Map(string method, AttributionOptions? options = null) => AttributionMethod.Named(method).Explain(model, input, new ClassLogit(1), options)[0];
        // Attention: what the answer takes from a step times what the step takes from the patch; rolled out, block by block.
        var (early, late) = (Site.Pattern[0].In("spatial"), Site.Pattern[1].In("spatial"));
        var (earlyTime, lateTime) = (Site.Pattern[0].In("temporal"), Site.Pattern[1].In("temporal"));
        using var seen = model.Run(input, HookPlan.Empty.Keep(early, late, earlyTime, lateTime));
        Tensor Fused(HookSite site) => seen.Cache[site].mean([1L]);
        Tensor Mixed(HookSite site) => (Fused(site) + eye(Fused(site).shape[1])) / 2;
        var (steps, time) = (Mixed(late).matmul(Mixed(early)), Mixed(lateTime).matmul(Mixed(earlyTime)));
        var (attention, rollout) = (Map("attention").Heatmap, Map("rollout").Heatmap);
        Assert.Equal((2, 4, 4), (rollout.Layout.Frames, rollout.Layout.Rows, rollout.Layout.Columns));
        for (var step = 0; step < 2; step++)
            for (var patch = 0; patch < 16; patch++)
            {
                Assert.Equal(Fused(lateTime)[0, 0, 1 + step].item<float>() * Fused(late)[step, 0, 1 + patch].item<float>(), attention.Values.ToArray()[step * 16 + patch], 1e-6);
                Assert.Equal(time[0, 0, 1 + step].item<float>() * steps[step, 0, 1 + patch].item<float>(), rollout.Values.ToArray()[step * 16 + patch], 1e-6);
            }
        // Token × gradient is what a small push of one token of one step makes of the target.
        var gradient = Map("token-gradient-x-input").Heatmap.Values.ToArray();
        var entry = Site.ResidPre[0].In("spatial");
        foreach (var (step, patch) in new[] { (0, 5), (1, 12) })
        {
            double Pushed(double by) => model.Run(input, HookPlan.Empty.Edit(entry, (value, _) =>
            {
                var pushed = value.clone();
                pushed[step, 1 + patch].mul_(1 + by);
                return pushed;
            })).Main[0, 1].item<float>();
            Assert.Equal((Pushed(0.02) - Pushed(-0.02)) / 0.04, gradient[step * 16 + patch], 2e-3);
        }
        // Integrated, tokens of all places and steps and the gathering tokens together make the whole difference.
        var integrated = Map("token-integrated-gradients", new AttributionOptions { Steps = 60, Batch = 7 });
        Assert.True(Math.Abs(integrated.Gap!.Value) < 0.02 * Math.Max(0.1, Math.Abs(integrated.Score!.Value)), $"gap {integrated.Gap}");
        // Pixels: only the patch that is not black can add anything.
        clip.zero_();
        clip.narrow(1, 2, 1).narrow(3, 4, 4).narrow(4, 8, 4).fill_(1);
        var added = Map("gradient-x-input").Heatmap.Values.ToArray();
        Assert.Equal([16 + 6], Enumerable.Range(0, 32).Where(place => added[place] != 0));
        Assert.Contains("follows one row of blocks", Assert.Throws<NotApplicableException>(() => Map("attention-flow")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_model_sees_clips_frame_by_frame()
    {
        using var model = new VitFamily().Tiny();
        using var scope = NewDisposeScope();
        var clips = randn([2, 3, 3, 16, 16]);
        var frames = new FrameByFrame(model);
        using var recording = frames.Run(clips, HookPlan.Empty.Keep(Site.ResidPost[1]));
        var tokens = frames.Tokens(recording.Cache[Site.ResidPost[1]], clips);
        var layout = frames.LayoutOf(clips)!;
        Assert.Equal([2, layout.Tokens, 16], tokens.shape);
        using var alone = model.Run(clips[1][2].unsqueeze(0), HookPlan.Empty.Keep(Site.ResidPost[1]));
        Close.Check("token", tokens[1][layout.TokenAt(2, 1, 3)], alone.Cache[Site.ResidPost[1]][0][1 + 7]);
        Close.Check("mean", FrameByFrame.Mean(recording.Main, 2)[1], recording.Main.narrow(0, 3, 3).mean([0L]));
        Assert.Throws<ShapeException>(() => frames.Run(randn(3, 3, 16, 16), HookPlan.Empty));
    }

    private static HookedModel Tiny(string name) => Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
