using Prisma.Circuits;
using Prisma.Core;
using Prisma.Video;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>
/// What was named with --image, as a model takes it: pictures for a picture model, clips for a video model, and for a picture model on
/// videos the chosen frames one by one. Managed memory only.
/// </summary>
internal sealed class Sights
{
    private readonly PictureBatch? _pictures;
    private readonly ClipOrder? _order;

    private Sights(PictureBatch? pictures, IReadOnlyList<Clip> clips, ClipOrder? order) => (_pictures, Clips, _order) = (pictures, clips, order);

    /// <summary>The clips; none where pictures were named.</summary>
    internal IReadOnlyList<Clip> Clips { get; }

    /// <summary>The pictures, where no clips are.</summary>
    internal PictureBatch Pictures => _pictures ?? throw new InvalidOperationException("There are clips, no pictures.");

    /// <summary>Whether rows of the batch are single frames of clips.</summary>
    internal bool FrameByFrame => Clips.Count > 0 && _order is null;

    /// <summary>The files: one name for each picture or clip.</summary>
    internal IReadOnlyList<string> Names => _pictures?.Names ?? [.. Clips.Select(clip => clip.Name)];

    /// <summary>How each row of the batch was resized and cropped.</summary>
    internal IReadOnlyList<ImageGeometry> Geometries => _pictures?.Geometries
        ?? [.. Clips.SelectMany(clip => Enumerable.Repeat(clip.Geometry, FrameByFrame ? clip.Frames.Count : 1))];

    internal static Sights Load(IReadOnlyList<string> named, HookedModel model, Preprocess preprocess, FrameSampling sampling, Terminal terminal)
    {
        if (model is not IVideoModel && !named.Any(FrameSource.IsMoving)) return new Sights(PictureBatch.Load(named, preprocess), [], null);
        var clips = FrameSource.Find(named).Select(file => Clip.Load(file, sampling, preprocess)).ToList();
        foreach (var clip in clips.Where(clip => clip.Repeats))
            terminal.Remark($"{clip.Name} has {clip.VideoFrames} frames for a clip of {clip.Frames.Count}; some are taken more than once.");
        return new Sights(null, clips, (model as IVideoModel)?.ClipOrder);
    }

    /// <summary>The model's input: [N, 3, H, W], or clips. The caller (or its scope) disposes it.</summary>
    internal Tensor ToTensor()
    {
        using var scope = NewDisposeScope();
        var batch = _pictures?.ToTensor() ?? cat([.. Clips.Select(clip => _order is { } order ? clip.ToTensor(order) : clip.ToPictures())], 0);
        return batch.MoveToOuterDisposeScope();
    }

    /// <summary>The same in parts of at most so many rows, in order; pictures of another size begin a new part. The caller (or its scope) disposes them.</summary>
    internal IReadOnlyList<Tensor> ToTensors(int? atOnce)
    {
        if (_pictures is not null) return _pictures.ToTensors(atOnce);
        var rows = ToTensor();
        return rows.split(atOnce ?? rows.shape[0]);
    }

    /// <summary>Values that stand for rows, one for each picture or clip: those of single frames are joined.</summary>
    internal IReadOnlyList<T> Join<T>(IReadOnlyList<T> rows, Func<IReadOnlyList<T>, T> join)
    {
        if (!FrameByFrame) return rows;
        var (joined, at) = (new List<T>(), 0);
        foreach (var clip in Clips)
        {
            joined.Add(join([.. rows.Skip(at).Take(clip.Frames.Count)]));
            at += clip.Frames.Count;
        }
        return joined;
    }

    /// <summary>The mean over the frames of each clip where rows are single frames.</summary>
    internal Tensor Mean(Tensor rows) => FrameByFrame ? Video.FrameByFrame.Mean(rows, Clips.Count) : rows.alias();

    /// <summary>The rows of the batch that belong to a picture or clip.</summary>
    internal IEnumerable<int> RowsOf(int example)
    {
        if (!FrameByFrame) return [example];
        return Enumerable.Range(Clips.Take(example).Sum(clip => clip.Frames.Count), Clips[example].Frames.Count);
    }
}
