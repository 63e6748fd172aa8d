using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Clips of videos as examples for a video model: one for each file, or windows that slide over it. Frames are decoded as examples are
/// asked for; one file is open at a time and as many prepared frames are kept as overlapping windows share, so memory does not grow with
/// the length of a video. Dispose it.
/// </summary>
public sealed class ClipInputs : IModelInputs, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<(string File, IReadOnlyList<int> Frames)> _examples = [];
    private readonly SortedDictionary<int, PreparedImage> _prepared = [];
    private readonly Preprocess _preprocess;
    private readonly IVideoModel _model;
    private FrameSource? _open;

    /// <summary>Finds the videos and reads how long they are.</summary>
    /// <param name="named">Files, folders and patterns, see <see cref="FrameSource.Find"/>.</param>
    /// <param name="preprocess">How frames are prepared.</param>
    /// <param name="model">Whose clips they are.</param>
    /// <param name="sampling">Which frames; with a hop its stride is 1 unless given.</param>
    /// <param name="hop">From the start of a window to the next, in frames of the video; null: one clip for each file.</param>
    /// <exception cref="PrismaException">A name leads to nothing, or a video cannot be read.</exception>
    public ClipInputs(IEnumerable<string> named, Preprocess preprocess, IVideoModel model, FrameSampling sampling, int? hop = null)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        if (hop < 1) throw new OptionsException($"The hop from window to window is at least 1 frame, got {hop}.");
        (_preprocess, _model) = (preprocess, model);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{preprocess.Resize}\n{preprocess.Crop}\n{preprocess.Scaling}\n{sampling}\n{hop}\n"));
        foreach (var file in FrameSource.Find(named))
        {
            using var source = FrameSource.Open(file);
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(file)}\n{source.Count}\n"));
            _examples.AddRange(Windows(source.Count, sampling, hop).Select(frames => (file, frames)));
        }
        Fingerprint = $"clips {Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}";
    }

    /// <inheritdoc/>
    public int Count => _examples.Count;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public string NameOf(int example) => $"frames {_examples[example].Frames[0]} to {_examples[example].Frames[^1]} of {_examples[example].File}";

    /// <summary>The frames of an example.</summary>
    public IReadOnlyList<int> FramesOf(int example) => _examples[example].Frames;

    /// <summary>The file of an example.</summary>
    public string FileOf(int example) => _examples[example].File;

    /// <summary>The windows of a video of so many frames: as many as fit, at least one.</summary>
    public static IEnumerable<IReadOnlyList<int>> Windows(int count, FrameSampling sampling, int? hop)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        if (hop is not { } step) return [sampling.Of(count)];
        var stride = sampling.Stride ?? 1;
        var span = (sampling.Frames - 1) * stride;
        var starts = Math.Max(0, (count - 1 - span - sampling.Start) / step) + 1;
        return Enumerable.Range(0, starts).Select(k => (sampling with { Start = sampling.Start + k * step, Stride = stride }).Of(count));
    }

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        lock (_lock)
        {
            using var scope = NewDisposeScope();
            var clips = examples.Select(example => Prepare(_examples[example].File, _examples[example].Frames)).ToList();
            var batch = PreparedImage.Stack([.. clips.SelectMany(clip => clip)]);
            var shape = batch.shape;
            var frames = batch.view(examples.Count, -1, shape[1], shape[2], shape[3]);
            var ordered = _model.ClipOrder == ClipOrder.FramesFirst ? frames : frames.transpose(1, 2).contiguous();
            return new ModelInput { [_model.ClipInput] = ordered.DetachFromDisposeScope() };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _open?.Dispose();
    }

    private List<PreparedImage> Prepare(string file, IReadOnlyList<int> frames)
    {
        if (_open?.Name != file)
        {
            _open?.Dispose();
            _open = null;
            _prepared.Clear();
            _open = FrameSource.Open(file);
        }
        // What lies before this window is not asked for again by windows that go forward.
        foreach (var index in _prepared.Keys.TakeWhile(index => index < frames[0]).ToList()) _prepared.Remove(index);
        var clip = new List<PreparedImage>(frames.Count);
        foreach (var index in frames)
        {
            if (!_prepared.TryGetValue(index, out var image)) _prepared[index] = image = _preprocess.Apply(_open[index]);
            clip.Add(image);
        }
        foreach (var index in _prepared.Keys.Reverse().TakeWhile(index => index > frames[^1]).ToList()) _prepared.Remove(index);
        return clip;
    }
}
