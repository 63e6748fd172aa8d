using OpenCvSharp;

namespace Prisma.Core;

/// <summary>The frames of a video file, decoded by OpenCV's FFmpeg. Short ways ahead are walked, long ones and ways back are searched.</summary>
internal sealed class VideoFrames : FrameSource
{
    private const int ShortWay = 48;  // frames that are decoded about as fast as a search for a key frame takes

    private readonly VideoCapture _capture;
    private readonly Mat _frame = new();
    private readonly Mat _rgb = new();
    private int _next;

    internal VideoFrames(string path) : base(path)
    {
        Check(path);
        _capture = new VideoCapture(path, VideoCaptureAPIs.FFMPEG);
        try
        {
            if (!_capture.IsOpened())
                throw new PrismaException($"Cannot read the video '{path}': it has no video stream that FFmpeg decodes. The file is damaged, cut off before its index, or no video. Fetch it again, or convert it ('ffmpeg -i IN OUT.mp4').");
            Rate = _capture.Get(VideoCaptureProperties.Fps) is var rate && double.IsFinite(rate) && rate > 0 ? rate : 0;
            Count = Counted();
        }
        catch
        {
            Close();
            throw;
        }
    }

    public override int Count { get; }

    public override double Rate { get; }

    private protected override RgbImage Read(int index)
    {
        if (!Reach(index) || !_capture.Retrieve(_frame) || _frame.Empty()) throw Undecodable(index);
        Cv2.CvtColor(_frame, _rgb, _frame.Channels() == 1 ? ColorConversionCodes.GRAY2RGB : ColorConversionCodes.BGR2RGB);
        return new RgbImage(_rgb.Width, _rgb.Height, _rgb.AsSpan<byte>().ToArray());
    }

    private protected override void Close()
    {
        _capture?.Dispose();
        _frame.Dispose();
        _rgb.Dispose();
    }

    // Grabs the frame of that number. A search that ends elsewhere is answered by walking from the start.
    private bool Reach(int index)
    {
        if (index < _next || index >= _next + ShortWay)
        {
            _next = _capture.Set(VideoCaptureProperties.PosFrames, index) ? (int)_capture.Get(VideoCaptureProperties.PosFrames) : -1;
            if (_next < 0 || _next > index)
            {
                _capture.Set(VideoCaptureProperties.PosFrames, 0);
                _next = 0;
            }
        }
        for (; _next <= index; _next++)
            if (!_capture.Grab()) return false;
        return true;
    }

    // Containers without an index estimate their number of frames from the duration, which may be one too many.
    private int Counted()
    {
        var told = _capture.Get(VideoCaptureProperties.FrameCount);
        var count = told is >= 1 and < int.MaxValue ? (int)told : Walked();
        if (count == 0) throw new PrismaException($"Cannot read the video '{Name}': its video stream has no frame that can be decoded (frame 0 is missing).");
        if (count > 1 && !Reach(count - 1) && Reach(count - 2)) count--;
        return count;
    }

    private int Walked()
    {
        var count = 0;
        while (_capture.Grab()) count++;
        _next = int.MaxValue;  // at the end: whatever comes next is behind
        return count;
    }

    private PrismaException Undecodable(int index) =>
        new($"Frame {index} of '{Name}' ({Count} {(Count == 1 ? "frame" : "frames")}) cannot be decoded: the file is damaged or cut off there. Fetch it again, or choose frames before it with fewer frames or a smaller stride.");

    private static void Check(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) throw new PrismaException($"Cannot read the video '{path}': there is no such file or folder.");
        try
        {
            using var stream = file.OpenRead();
            if (stream.Length == 0) throw new PrismaException($"Cannot read the video '{path}': the file is empty, so not even frame 0 is there.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrismaException($"Cannot read the video '{path}': {e.Message}", e);
        }
    }
}
