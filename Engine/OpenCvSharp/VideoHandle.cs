using System.Runtime.InteropServices;

namespace OpenCvSharp;

/// <summary>Owns one cv::VideoCapture.</summary>
internal sealed class CaptureHandle : SafeHandle
{
    public CaptureHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        CvNative.CaptureFree(handle);
        return true;
    }
}

/// <summary>Owns one cv::VideoWriter; releasing it ends the file.</summary>
internal sealed class WriterHandle : SafeHandle
{
    public WriterHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        CvNative.WriterFree(handle);
        return true;
    }
}
