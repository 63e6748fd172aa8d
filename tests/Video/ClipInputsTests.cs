using Prisma.Core;
using Prisma.Video;
using static TorchSharp.torch;

namespace Prisma.Tests.Video;

/// <summary>Windows over long videos. Measures the process's memory, so it runs alone.</summary>
[Collection(nameof(Engine.Alone))]
public sealed class ClipInputsTests
{
    private static readonly Preprocess s_preprocess = new()
    {
        Source = "test",
        Resize = new ResizeRule(ResizeMode.Exact, 16, 16, ResizeFilter.Box),
        Scaling = new PixelScaling { DivideBy255 = true },
    };

    [Fact]
    public void Windows_slide_over_the_whole_video()
    {
        var sampling = new FrameSampling { Frames = 4, Stride = 3 };
        Assert.Equal([[0, 3, 6, 9], [5, 8, 11, 14], [10, 13, 16, 19]], ClipInputs.Windows(20, sampling, 5));
        Assert.Equal([[0, 3, 6, 6]], ClipInputs.Windows(7, sampling, 5));
        Assert.Equal([[0, 1, 2, 3], [1, 2, 3, 4]], ClipInputs.Windows(5, new FrameSampling { Frames = 4 }, 1));
        Assert.Equal([[0, 5, 10, 15]], ClipInputs.Windows(20, new FrameSampling { Frames = 4 }, null));
    }

    [Fact]
    public void A_long_video_is_encoded_in_flat_memory_and_windows_are_what_a_clip_is()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        const int Frames = 1200;
        VideoFile.Write(folder["long.mp4"], Enumerable.Range(0, Frames).Select(k => RgbImage.Filled(160, 120, (byte)(k % 250), (byte)(k / 5), 90)), 25);
        using var model = new VideoMaeFamily().Tiny();
        using var windows = new ClipInputs([folder["long.mp4"]], s_preprocess, (IVideoModel)model, new FrameSampling { Frames = 4 }, 2);
        Assert.Equal((Frames - 4) / 2 + 1, windows.Count);
        long early = 0;
        for (var k = 0; k < windows.Count; k++)
        {
            using var inner = NewDisposeScope();
            using var clip = windows.Batch([k])["pixel_values"];
            model.Run(clip, HookPlan.Empty).Dispose();
            if (k != windows.Count / 4) continue;
            GC.Collect();
            early = Environment.WorkingSet;
        }
        GC.Collect();
        Assert.True(Environment.WorkingSet - early < 40L << 20, $"grew by {(Environment.WorkingSet - early) >> 20} MB");
        var whole = Clip.Load(folder["long.mp4"], new FrameSampling { Frames = 4, Start = 600, Stride = 1 }, s_preprocess).ToTensor(ClipOrder.FramesFirst);
        using var again = windows.Batch([300])["pixel_values"];
        Assert.True(whole.Equals(again), "a window differs from the clip of the same frames");
    }
}
