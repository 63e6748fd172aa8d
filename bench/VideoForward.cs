using System.Runtime.InteropServices;

namespace Prisma.Bench;

/// <summary>VideoMAE-B, one clip of 16 frames: our forward pass against a plain PyTorch one on the same libtorch, same weights, same frames, same logits.</summary>
internal static class VideoForward
{
    private const int Frames = 16;

    public static IEnumerable<Row> Run(int rounds, Rival rival)
    {
        var folder = Directory.CreateTempSubdirectory("prisma-bench-video-").FullName;
        try
        {
            rival.Ask("video-checkpoint", folder);
            var frames = Path.Combine(folder, "frames.f32");
            File.WriteAllBytes(frames, MemoryMarshal.AsBytes(Subject.Pixels(Frames).AsSpan()).ToArray());
            rival.Ask("video-load", folder);
            rival.Ask("video-input", frames);
            using var model = Subject.LoadVideo(folder, Frames);
            VitForward.RequireSameLogits(model, rival);
            var both = Comparison.ByTurns(rounds, () => Machine.Timed(model.Forward), () => rival.Seconds("forward"));
            yield return Row.Of("VideoMAE-B forward, one clip / Python torch", both, limit: 1.05);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
