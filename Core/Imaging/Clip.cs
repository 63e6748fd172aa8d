using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Chosen frames of a video, as they are and as a model takes them. Managed memory only.</summary>
public sealed class Clip
{
    private readonly IReadOnlyList<PreparedImage> _prepared;

    private Clip(string name, int videoFrames, double rate, IReadOnlyList<int> indices, IReadOnlyList<RgbImage> frames, IReadOnlyList<PreparedImage> prepared) =>
        (Name, VideoFrames, Rate, Indices, Frames, _prepared) = (name, videoFrames, rate, indices, frames, prepared);

    /// <summary>The file or folder.</summary>
    public string Name { get; }

    /// <summary>The number of frames of the whole video.</summary>
    public int VideoFrames { get; }

    /// <summary>Frames per second of the video; 0 where nobody says.</summary>
    public double Rate { get; }

    /// <summary>The numbers of the chosen frames in the video.</summary>
    public IReadOnlyList<int> Indices { get; }

    /// <summary>The chosen frames.</summary>
    public IReadOnlyList<RgbImage> Frames { get; }

    /// <summary>How each was resized and cropped: all alike.</summary>
    public ImageGeometry Geometry => _prepared[0].Geometry;

    /// <summary>Whether a frame was chosen twice because the video is shorter than the clip.</summary>
    public bool Repeats => Indices.Distinct().Count() < Indices.Count;

    /// <summary>Reads the frames that a sampling chooses.</summary>
    /// <exception cref="PrismaException">The video cannot be read; the message names the frame.</exception>
    public static Clip Load(string path, FrameSampling sampling, Preprocess preprocess)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        using var source = FrameSource.Open(path);
        return Read(source, sampling.Of(source.Count), preprocess);
    }

    /// <summary>Reads frames by number, ascending; a number may be repeated.</summary>
    /// <exception cref="PrismaException">A frame cannot be read.</exception>
    public static Clip Read(FrameSource source, IReadOnlyList<int> indices, Preprocess preprocess)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(preprocess);
        var (frames, prepared) = (new List<RgbImage>(), new List<PreparedImage>());
        foreach (var (k, index) in indices.Index())
        {
            var same = k > 0 && indices[k - 1] == index;
            frames.Add(same ? frames[^1] : source[index]);
            prepared.Add(same ? prepared[^1] : preprocess.Apply(frames[^1]));
        }
        return new Clip(source.Name, source.Count, source.Rate, indices, frames, prepared);
    }

    /// <summary>The model's input [1, T, 3, H, W] or [1, 3, T, H, W]. The caller (or its scope) disposes it.</summary>
    public Tensor ToTensor(ClipOrder order)
    {
        using var scope = NewDisposeScope();
        var frames = PreparedImage.Stack(_prepared).unsqueeze(0);
        return (order == ClipOrder.FramesFirst ? frames : frames.transpose(1, 2).contiguous()).MoveToOuterDisposeScope();
    }

    /// <summary>The frames as single pictures [T, 3, H, W]. The caller (or its scope) disposes it.</summary>
    public Tensor ToPictures() => PreparedImage.Stack(_prepared);
}
