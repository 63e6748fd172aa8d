using Prisma.Core;
using Prisma.Demo;
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
}
