namespace Prisma.Core;

/// <summary>
/// The frames of a video by their number: of a file that FFmpeg decodes, or of a folder with pictures. Frames are decoded when asked for;
/// going forward costs no search. For one thread at a time. Dispose it.
/// </summary>
public abstract class FrameSource : IDisposable
{
    private static readonly string[] s_videoEndings =
        [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv", ".3gp", ".mjpeg"];

    private protected FrameSource(string name) => Name = name;

    /// <summary>The file or folder.</summary>
    public string Name { get; }

    /// <summary>The number of frames.</summary>
    public abstract int Count { get; }

    /// <summary>Frames per second; 0 where nobody says.</summary>
    public abstract double Rate { get; }

    /// <summary>A frame, upright as the file's own rotation says. Managed memory only.</summary>
    /// <exception cref="PrismaException">There is no such frame, or it cannot be decoded; the message names it.</exception>
    public RgbImage this[int index] => index >= 0 && index < Count
        ? Read(index)
        : throw new PrismaException($"'{Name}' has no frame {index}; it has {Count} (0 to {Count - 1}).");

    /// <summary>Opens a video file or a folder of pictures.</summary>
    /// <exception cref="PrismaException">It is missing, empty, or has no video that can be decoded.</exception>
    public static FrameSource Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Directory.Exists(path) || IsPicture(path) ? new PictureFrames(path) : new VideoFrames(path);
    }

    /// <summary>Whether a file's ending is one of a picture.</summary>
    public static bool IsPicture(string path) => PictureFiles.Endings.Contains(Path.GetExtension(path).ToLowerInvariant());

    /// <summary>
    /// The clips behind names: a video file is one, a folder is the videos in it or, if it has none, one clip of its pictures; a pattern
    /// likewise. A single picture is a clip of one frame.
    /// </summary>
    /// <exception cref="PrismaException">A name leads to nothing.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> named) => [.. named.SelectMany(Expand)];

    /// <summary>Whether a name stands for moving pictures: by its ending, or as a folder with videos.</summary>
    public static bool IsMoving(string name) => Directory.Exists(name) ? Videos(name).Any() : IsVideo(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private protected abstract RgbImage Read(int index);

    private protected abstract void Close();

    private static IEnumerable<string> Expand(string name)
    {
        if (File.Exists(name)) return [name];
        if (Directory.Exists(name))
        {
            var videos = Videos(name).Order(StringComparer.Ordinal).ToList();
            if (videos.Count == 0 && !Directory.EnumerateFiles(name, "*", SearchOption.AllDirectories).Any(PictureFiles.IsPicture))
                throw new PrismaException($"The folder '{name}' has neither videos ({string.Join(", ", s_videoEndings)}) nor pictures ({string.Join(", ", PictureFiles.Endings)}).");
            return videos.Count > 0 ? videos : [name];
        }
        return PictureFiles.Find([name]);
    }

    private static IEnumerable<string> Videos(string folder) =>
        Directory.EnumerateFiles(folder).Where(IsVideo);

    private static bool IsVideo(string path) => s_videoEndings.Contains(Path.GetExtension(path).ToLowerInvariant());
}
