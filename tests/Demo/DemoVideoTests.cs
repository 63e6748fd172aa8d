using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class DemoVideoTests
{
    private static readonly DemoVideoOptions _small = new() { Width = 16, Layers = 1, Heads = 2, Hidden = 32, Patch = 16, Tubelet = 4, Steps = 3, BatchSize = 8, WarmUp = 1, HeldOut = 20 };

    [Fact]
    public void A_saved_model_loads_through_the_catalog_and_computes_the_same()
    {
        using var folder = new TempFolder();
        using TrainedVideo trained = DemoVideo.Train(_small, new Progress<TrainingProgress>());
        trained.Save(folder.Path);
        using HookedModel loaded = Models.Load(folder.Path);
        using var scope = NewDisposeScope();
        Tensor pixels = DemoVideo.Pixels(MotionBatch.Draw(SceneSplit.HeldOut, 0, 4));
        Assert.Equal(trained.Model.Run(pixels).data<float>().ToArray(), loaded.Run(pixels).data<float>().ToArray());
        Assert.Equal("moves left slowly", loaded.Card.Labels[0]);
        Assert.Equal(trained.Accuracy, DemoVideo.Accuracy(loaded, _small.HeldOut));
    }

    [Fact]
    public void What_is_said_to_happen_happens()
    {
        for (ulong seed = 0; seed < 200; seed++)
        {
            var clip = MotionClip.Draw(seed);
            Assert.Equal(MotionClip.Frames, clip.Scenes.Count);
            var there = clip.Scenes.Select(scene => scene.Objects.Count == 2).ToList();
            Assert.Equal(clip.Kind != MotionKind.Appears, there[0]);
            Assert.Equal(clip.Kind != MotionKind.Disappears, there[^1]);
            if (clip.Kind.Direction() is not { } direction) continue;
            Assert.All(there, Assert.True);
            var (first, last) = (clip.Scenes[0].Objects[1], clip.Scenes[^1].Objects[1]);
            Assert.Equal(direction, (Math.Sign(last.X - first.X), Math.Sign(last.Y - first.Y)));
            Assert.Equal(clip.Kind.IsFast(), Math.Abs(last.X - first.X) + Math.Abs(last.Y - first.Y) > 20);
            Assert.All(new[] { first, last }, item => Assert.True(item.X > 0 && item.Y > 0 && item.X < Scene.Width && item.Y < Scene.Width));
        }
        var kinds = SceneSplit.Training is var split ? Enumerable.Range(0, 1000).Select(k => MotionClip.Draw(split.Seed(k)).Kind).CountBy(kind => kind).ToDictionary() : [];
        Assert.All(MotionKinds.All, kind => Assert.InRange(kinds[kind], 60, 140));
    }

    [Fact]
    public void A_feature_is_scored_by_how_well_it_tells_a_kind_from_the_others()
    {
        Assert.Equal(1, MotionConcepts.Auroc([0, 1, 2, 3], [false, false, true, true]));
        Assert.Equal(0.5, MotionConcepts.Auroc([1, 1, 1, 1], [false, false, true, true]));
        Assert.Equal(0.625, MotionConcepts.Auroc([0, 2, 2, 1], [false, false, true, true]));
    }

    [Fact]
    public void Tokens_show_the_object_where_its_box_covers_them()
    {
        var layout = new TokenLayout(0, 4, 4, 4, 8, 8, Tubelet: 2);
        var (absent, present) = (0, 0);
        for (ulong seed = 0; seed < 60; seed++)
        {
            var clip = MotionClip.Draw(seed);
            var shown = MotionTruth.Tokens(clip, layout);
            for (var step = 0; step < 4; step++)
            {
                var items = new[] { clip.ChangingIn(2 * step), clip.ChangingIn(2 * step + 1) }.OfType<SceneObject>().ToList();
                var tokens = Enumerable.Range(0, 16).Where(place => shown[16 * step + place]).ToList();
                if (items.Count == 0) absent++;
                Assert.Equal(items.Count == 0, tokens.Count == 0);
                foreach (var item in items)
                {
                    // The patch under the centre, and nothing farther from it than half a patch beyond the radius.
                    Assert.Contains((int)(item.Y / 16) * 4 + (int)(item.X / 16), tokens);
                    present++;
                }
                Assert.All(tokens, place => Assert.Contains(items, item => Math.Abs(item.X - (place % 4 * 16 + 8)) < item.Radius + 8 && Math.Abs(item.Y - (place / 4 * 16 + 8)) < item.Radius + 8));
            }
        }
        Assert.True(absent > 5 && present > 100);
    }

    [Fact]
    public void The_committed_weights_name_held_out_clips_and_a_feature_says_what_moves_left_and_where()
    {
        using var model = Models.Load(DemoWeights.Video);
        using var coder = Coders.Load(DemoWeights.VideoSae);
        Assert.True(DemoVideo.Accuracy(model, 200) > 0.85);
        var concepts = MotionConcepts.Find(model, coder, 200).ToDictionary(concept => concept.Name);
        var left = concepts["moves left"];
        Assert.True(left.Auroc > 0.8, $"AUROC {left.Auroc:F3}");
        Assert.True(left.Inside > 2 * left.Area, $"{left.Inside:P0} on the object, {left.Area:P0} covered");
        // It tells left from the rest, right among them.
        Assert.NotEqual(left.Feature, concepts["moves right"].Feature);
        Assert.Equal((-1, 0), MotionClip.Draw(SceneSplit.HeldOut.Seed(left.Clip)).Kind.Direction());
    }
}
