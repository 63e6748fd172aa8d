namespace Prisma.Core;

/// <summary>Which frames of a video become a model's clip.</summary>
public sealed record FrameSampling
{
    /// <summary>Frames of the clip: the checkpoint's own number.</summary>
    public required int Frames { get; init; }

    /// <summary>From a chosen frame to the next; null: spread evenly over the video, as Hugging Face's video processors do.</summary>
    public int? Stride { get; init; }

    /// <summary>The first frame that may be chosen.</summary>
    public int Start { get; init; }

    /// <summary>
    /// The chosen frames of a video, in order. Evenly: ⌊k·n/frames⌋ of the n frames from the start on. With a stride: start + k·stride; past the
    /// end the last frame is repeated, as in the references' examples. A video with fewer frames than the clip repeats some.
    /// </summary>
    /// <exception cref="OptionsException">A number is out of range.</exception>
    public IReadOnlyList<int> Of(int count)
    {
        if (Frames < 1) throw new OptionsException($"A clip has at least 1 frame, got {Frames}.");
        if (Stride < 1) throw new OptionsException($"The stride between frames is at least 1, got {Stride}.");
        if (Start < 0 || Start >= count) throw new OptionsException($"There is no frame {Start} to start at; the video has {count} (0 to {count - 1}).");
        return Stride is { } stride
            ? [.. Enumerable.Range(0, Frames).Select(k => (int)Math.Min(Start + (long)k * stride, count - 1))]
            : [.. Enumerable.Range(0, Frames).Select(k => Start + (int)((long)k * (count - Start) / Frames))];
    }
}
