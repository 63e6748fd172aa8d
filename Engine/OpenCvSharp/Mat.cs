using System.Runtime.InteropServices;

namespace OpenCvSharp;

/// <summary>A dense two-dimensional array of OpenCV. Disposable: the pixels are native memory.</summary>
public class Mat : IDisposable
{
    internal Mat(MatHandle handle) => Handle = handle;

    public Mat()
        : this(-1, -1, MatType.CV_8UC1)
    {
    }

    public Mat(int rows, int cols, MatType type)
    {
        CvNative.Check(CvNative.MatNew(rows, cols, type.Value, out var handle));
        Handle = handle;
    }

    public Mat(Size size, MatType type)
        : this(size.Height, size.Width, type)
    {
    }

    public Mat(int rows, int cols, MatType type, Scalar s)
        : this(rows, cols, type) => SetTo(s);

    public Mat(Size size, MatType type, Scalar s)
        : this(size.Height, size.Width, type, s)
    {
    }

    public Mat(Mat m, Rect roi)
    {
        ArgumentNullException.ThrowIfNull(m);
        CvNative.Check(CvNative.MatPart(m.Handle, roi.X, roi.Y, roi.Width, roi.Height, out var handle));
        handle.Hold(m.Handle);
        Handle = handle;
    }

    internal MatHandle Handle { get; }

    public bool IsDisposed => Handle.IsClosed;

    public int Rows => Info.Rows;

    public int Cols => Info.Cols;

    public int Height => Info.Rows;

    public int Width => Info.Cols;

    public int Dims => Info.Dims;

    public IntPtr Data => Info.Data;

    public unsafe byte* DataPointer => (byte*)Info.Data;

    private CvNative.MatInfo Info
    {
        get
        {
            CvNative.MatRead(Handle, out var info);
            return info;
        }
    }

    public Mat this[Rect roi] => SubMat(roi);

    public static Mat FromPixelData(int rows, int cols, MatType type, IntPtr data, long step = 0)
    {
        CvNative.Check(CvNative.MatOver(rows, cols, type.Value, data, step, out var handle));
        return new Mat(handle);
    }

    /// <summary>A matrix over a managed array, which stays pinned until the matrix is disposed.</summary>
    public static Mat FromPixelData(int rows, int cols, MatType type, Array data, long step = 0)
    {
        ArgumentNullException.ThrowIfNull(data);
        var pinned = GCHandle.Alloc(data, GCHandleType.Pinned);
        try
        {
            CvNative.Check(CvNative.MatOver(rows, cols, type.Value, pinned.AddrOfPinnedObject(), step, out var handle));
            handle.Hold(pinned);
            return new Mat(handle);
        }
        catch
        {
            pinned.Free();
            throw;
        }
    }

    public static Mat FromImageData(byte[] imageBytes, ImreadModes mode = ImreadModes.Color) => Cv2.ImDecode(imageBytes, mode);

    public static Mat ImDecode(byte[] imageBytes, ImreadModes mode = ImreadModes.Color) => Cv2.ImDecode(imageBytes, mode);

    public MatType Type() => Info.Type;

    public int Depth() => Type().Depth;

    public int Channels() => Type().Channels;

    public Size Size()
    {
        var info = Info;
        return new Size(info.Cols, info.Rows);
    }

    public int ElemSize() => Type().Channels * ElemSize1();

    public int ElemSize1() => Type().Depth switch
    {
        MatType.CV_8U or MatType.CV_8S => 1,
        MatType.CV_32S or MatType.CV_32F => 4,
        MatType.CV_64F => 8,
        _ => 2,
    };

    public long Step() => Info.Step;

    public long Total() => Info.Total;

    public bool Empty() => Info.Data == 0 || Info.Total == 0;

    public bool IsContinuous() => Info.Continuous != 0;

    public bool IsSubmatrix() => Info.Submatrix != 0;

    public Mat Clone()
    {
        var copy = new Mat();
        CopyTo(copy);
        return copy;
    }

    public void CopyTo(Mat m, InputArray? mask = null)
    {
        ArgumentNullException.ThrowIfNull(m);
        CvNative.Check(mask is null ? CvNative.MatCopy(Handle, m.Handle) : CvNative.MatCopyMasked(Handle, m.Handle, mask.Handle));
    }

    public void ConvertTo(OutputArray m, MatType rtype, double alpha = 1, double beta = 0)
    {
        ArgumentNullException.ThrowIfNull(m);
        CvNative.Check(CvNative.MatConvert(Handle, m.Handle, rtype.Value, alpha, beta));
    }

    public Mat SetTo(Scalar value, Mat? mask = null)
    {
        CvNative.Check(mask is null ? CvNative.MatSet(Handle, value) : CvNative.MatSetMasked(Handle, value, mask.Handle));
        return this;
    }

    public Mat SubMat(Rect roi) => new(this, roi);

    public Mat SubMat(int rowStart, int rowEnd, int colStart, int colEnd) =>
        new(this, new Rect(colStart, rowStart, colEnd - colStart, rowEnd - rowStart));

    public byte[] ToBytes(string ext = ".png", int[]? prms = null)
    {
        Cv2.ImEncode(ext, this, out var bytes, prms);
        return bytes;
    }

    /// <summary>The elements in place; empty where the rows have gaps, as in OpenCvSharp. Valid until the matrix is disposed.</summary>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged => IsContinuous() ? new Span<T>(DataPointer, (int)Total() * ElemSize() / sizeof(T)) : [];

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Handle.Dispose();
    }
}
