namespace OpenCvSharp;

/// <summary>An opened video file. Disposable: decoder and buffers are native memory.</summary>
public class VideoCapture : IDisposable
{
    private readonly CaptureHandle _handle;

    public VideoCapture(string fileName, VideoCaptureAPIs apiPreference = VideoCaptureAPIs.ANY)
        : this(fileName, apiPreference, [])
    {
    }

    public VideoCapture(string fileName, VideoCaptureAPIs apiPreference, int[] prms)
    {
        ArgumentException.ThrowIfNullOrEmpty(fileName);
        ArgumentNullException.ThrowIfNull(prms);
        CvNative.Check(CvNative.CaptureNew(fileName, (int)apiPreference, prms, prms.Length, out _handle));
    }

    public bool IsDisposed => _handle.IsClosed;

    public bool IsOpened()
    {
        CvNative.Check(CvNative.CaptureOpened(_handle, out var opened));
        return opened != 0;
    }

    public void Release() => CvNative.Check(CvNative.CaptureRelease(_handle));

    public double Get(VideoCaptureProperties propertyId) => Get((int)propertyId);

    public double Get(int propertyId)
    {
        CvNative.Check(CvNative.CaptureGet(_handle, propertyId, out var value));
        return value;
    }

    public bool Set(VideoCaptureProperties propertyId, double value) => Set((int)propertyId, value);

    public bool Set(int propertyId, double value)
    {
        CvNative.Check(CvNative.CaptureSet(_handle, propertyId, value, out var done));
        return done != 0;
    }

    /// <summary>Goes on to the next frame without converting it.</summary>
    public bool Grab()
    {
        CvNative.Check(CvNative.CaptureGrab(_handle, out var done));
        return done != 0;
    }

    /// <summary>The frame that <see cref="Grab"/> reached, blue first.</summary>
    public bool Retrieve(Mat image, int flag = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        CvNative.Check(CvNative.CaptureRetrieve(_handle, image.Handle, flag, out var done));
        return done != 0;
    }

    /// <summary>The next frame, blue first; false where there is none or it cannot be decoded.</summary>
    public bool Read(Mat image)
    {
        ArgumentNullException.ThrowIfNull(image);
        CvNative.Check(CvNative.CaptureRead(_handle, image.Handle, out var done));
        return done != 0;
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
