using System.Runtime.InteropServices;

namespace OpenCvSharp;

/// <summary>Owns one cv::Mat header, and with it the managed array or the larger matrix that its data lies in.</summary>
internal sealed class MatHandle : SafeHandle
{
    private GCHandle _pinned;
    private MatHandle? _whole;

    public MatHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Takes over the pin of a managed array.</summary>
    internal void Hold(GCHandle pinned) => _pinned = pinned;

    /// <summary>Keeps the matrix alive whose data this one shows a part of.</summary>
    internal void Hold(MatHandle whole)
    {
        var added = false;
        whole.DangerousAddRef(ref added);
        _whole = whole;
    }

    protected override bool ReleaseHandle()
    {
        CvNative.MatFree(handle);
        if (_pinned.IsAllocated) _pinned.Free();
        _whole?.DangerousRelease();
        return true;
    }
}
