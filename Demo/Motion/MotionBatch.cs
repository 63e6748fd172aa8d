namespace Prisma.Demo;

/// <summary>Clips with their pixels as a model takes them; plain arrays, ready to become tensors.</summary>
public sealed record MotionBatch
{
    /// <summary>Pixels per side that the model sees.</summary>
    public const int Side = 32;

    /// <summary>The clips, N of them.</summary>
    public required IReadOnlyList<MotionClip> Clips { get; init; }

    /// <summary>[N, 8, 3, 32, 32], normalised as <see cref="SceneBatch"/> does it.</summary>
    public required float[] Pixels { get; init; }

    /// <summary>[N]: the number of each clip's <see cref="MotionKind"/>.</summary>
    public required long[] Labels { get; init; }

    /// <summary>Draws and paints <paramref name="count"/> clips of a split, from number <paramref name="first"/> on.</summary>
    public static MotionBatch Draw(SceneSplit split, long first, int count)
    {
        const int values = 3 * Side * Side;
        var clips = new MotionClip[count];
        var pixels = new float[count * MotionClip.Frames * values];
        for (int i = 0; i < count; i++)
        {
            clips[i] = MotionClip.Draw(split.Seed(first + i));
            for (int frame = 0; frame < MotionClip.Frames; frame++)
                SceneBatch.Normalise(ScenePainter.Paint(clips[i].Scenes[frame], Side), pixels.AsSpan((i * MotionClip.Frames + frame) * values, values));
        }
        return new MotionBatch { Clips = clips, Pixels = pixels, Labels = [.. clips.Select(clip => (long)clip.Kind)] };
    }
}
