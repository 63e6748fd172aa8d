using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Activation maps that need no gradients, against sums by hand.</summary>
public sealed class ChannelMapTests
{
    private static readonly HookSite s_place = Site.Ln1Normalized[1];

    [Fact]
    public void Ablation_weighs_a_channel_by_what_a_linear_answer_loses_without_it()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var generator = new Generator(5);
        var slopes = randn(16, generator: generator);
        var a = Values(model, pictures);
        // y = Σ over tokens and channels of slope·a, so channel c holds slope_c·Σ a_c of it, class token and all.
        var expected = (a.narrow(1, 1, 16) * (slopes * a.sum(1L)).unsqueeze(1)).sum(2L).relu();
        var maps = AttributionMethod.Named("ablation-cam").Explain(model, pictures, new Linear(slopes), new AttributionOptions { Batch = 5 });
        for (var k = 0; k < 2; k++)
        {
            Close.Check($"picture {k}", tensor(maps[k].Heatmap.Values.ToArray()), expected[k], 1e-3, 1e-3);
            Assert.Equal((17, "All 16 channels."), (maps[k].Forwards, maps[k].Note));
        }
    }

    [Fact]
    public void Of_many_channels_those_are_asked_about_that_vary_most()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var patches = Values(model, picture)[0].narrow(0, 1, 16);
        var channel = patches.select(1, patches.var(0L).argmax().item<long>());
        var map = AttributionMethod.Named("score-cam").Explain(model, picture, options: new AttributionOptions { Samples = 1 })[0];
        Assert.Equal("The 1 of 16 channels that vary most over the patches.", map.Note);
        // The softmax over one channel is 1.
        Close.Check("its map", tensor(map.Heatmap.Values.ToArray()), channel.relu(), 1e-5);
    }

    [Fact]
    public void Score_weighs_channels_alike_where_the_answer_is_always_the_same_and_by_the_answer_otherwise()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var method = AttributionMethod.Named("score-cam");
        var patches = Values(model, picture)[0].narrow(0, 1, 16);
        Close.Check("always the same", tensor(method.Explain(model, picture, new Linear(zeros(16)))[0].Heatmap.Values.ToArray()), patches.mean([1]).relu(), 1e-5);
        // By hand, channel by channel: the picture dimmed by the channel's map, its logit, softmax over all.
        var scores = Enumerable.Range(0, 16).Select(c =>
        {
            var large = nn.functional.interpolate(patches.select(1, c).reshape(1, 1, 4, 4), [16, 16], mode: InterpolationMode.Bilinear, align_corners: false);
            var mask = (large - large.min()) / (large.max() - large.min());
            return model.Run(picture * mask)[0, 3].item<float>();
        }).ToArray();
        var expected = (patches * tensor(scores).softmax(0)).sum(1L).relu();
        Close.Check("by the answer", tensor(method.Explain(model, picture, new ClassLogit(3), new AttributionOptions { Batch = 3 })[0].Heatmap.Values.ToArray()), expected, 1e-5);
    }

    [Fact]
    public void Eigen_cam_finds_the_planted_direction_and_turns_it_to_what_stands_out()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var direction = nn.functional.normalize(randn(1, 6, generator: generator));
        var strengths = tensor([0f, 0, 1, 0, 5, 0, 0, 1, 0], [9, 1]);
        var expected = (strengths - strengths.mean()).squeeze(1).relu();
        foreach (var sign in new[] { 1, -1 })
        {
            var a = randn(1, 6, generator: generator) + strengths * direction * sign;
            Close.Check($"sign {sign}", EigenCam.Project(a.unsqueeze(0))[0], expected, 1e-4);
        }
        Assert.All(Tiny.Values(EigenCam.Project(ones(1, 9, 6))), value => Assert.Equal(0, value, 1e-6));
    }

    // [B, tokens, d] where the maps are read.
    private static Tensor Values(HookedModel model, Tensor pictures)
    {
        using var recording = model.Run(pictures, HookPlan.Empty.Keep(s_place));
        return recording.Cache[s_place].clone();
    }

    /// <summary>A linear answer: slopes times the values at the place, summed over tokens and channels.</summary>
    private sealed class Linear(Tensor slopes) : Target
    {
        public override string Name => "a sum";

        public override HookSite? ReadsAt => s_place;

        public override Tensor Of(Recording recording) => (recording.Cache[s_place] * slopes).sum([1L, 2L]);
    }
}
