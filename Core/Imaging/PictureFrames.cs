namespace Prisma.Core;

/// <summary>The pictures of a folder as frames, in the order of their names; or one picture as the only frame.</summary>
internal sealed class PictureFrames : FrameSource
{
    private readonly IReadOnlyList<string> _files;
    private (int Width, int Height)? _size;

    internal PictureFrames(string path) : base(path) => _files = PictureFiles.Find([path]);

    public override int Count => _files.Count;

    public override double Rate => 0;

    private protected override RgbImage Read(int index)
    {
        var frame = RgbImage.Load(_files[index]);
        var (width, height) = _size ??= (frame.Width, frame.Height);
        return (frame.Width, frame.Height) == (width, height)
            ? frame
            : throw new PrismaException($"Frame {index} of '{Name}' ('{Path.GetFileName(_files[index])}') is {frame.Width}x{frame.Height}, the frames before it are {width}x{height}. The pictures of a clip must have one size: resize them, or keep other pictures in a folder of their own.");
    }

    private protected override void Close() { }
}
