namespace OpenCvSharp;

/// <summary>A video file being written. Disposing it writes the file's end.</summary>
public class VideoWriter : IDisposable
{
    private readonly WriterHandle _handle;

    public VideoWriter(string fileName, FourCC fourcc, double fps, Size frameSize, bool isColor = true)
        : this(fileName, VideoCaptureAPIs.ANY, fourcc, fps, frameSize, isColor)
    {
    }

    public VideoWriter(string fileName, VideoCaptureAPIs apiPreference, FourCC fourcc, double fps, Size frameSize, bool isColor = true)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        (FileName, Fps, FrameSize, IsColor) = (fileName, fps, frameSize, isColor);
        CvNative.Check(CvNative.WriterNew(fileName, (int)apiPreference, fourcc, fps, frameSize.Width, frameSize.Height, isColor ? 1 : 0, out _handle));
    }

    public string? FileName { get; private set; }

    public double Fps { get; private set; }

    public Size FrameSize { get; private set; }

    public bool IsColor { get; private set; }

    public bool IsDisposed => _handle.IsClosed;

    public static int FourCC(char c1, char c2, char c3, char c4) => (c1 & 255) | ((c2 & 255) << 8) | ((c3 & 255) << 16) | ((c4 & 255) << 24);

    public bool IsOpened()
    {
        CvNative.Check(CvNative.WriterOpened(_handle, out var opened));
        return opened != 0;
    }

    public void Release() => CvNative.Check(CvNative.WriterRelease(_handle));

    /// <summary>Appends a frame, blue first, of the size that the file was opened with; others are passed over in silence, as in OpenCV.</summary>
    public void Write(InputArray image)
    {
        ArgumentNullException.ThrowIfNull(image);
        CvNative.Check(CvNative.WriterWrite(_handle, image.Handle));
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) _handle.Dispose();
    }
}
