namespace OpenCvSharp;

public static partial class Cv2
{
    /// <summary>Decodes a file; an empty matrix when it is missing or no picture, as in OpenCV.</summary>
    public static Mat ImRead(string fileName, ImreadModes flags = ImreadModes.Color)
    {
        ArgumentException.ThrowIfNullOrEmpty(fileName);
        CvNative.Check(CvNative.ImRead(fileName, (int)flags, out var handle));
        return new Mat(handle);
    }

    public static Mat ImDecode(byte[] buf, ImreadModes flags)
    {
        ArgumentNullException.ThrowIfNull(buf);
        return ImDecode(buf.AsSpan(), flags);
    }

    /// <summary>Decodes bytes; an empty matrix when they are no picture, as in OpenCV.</summary>
    public static Mat ImDecode(ReadOnlySpan<byte> span, ImreadModes flags)
    {
        if (span.IsEmpty) throw new ArgumentException("Empty span", nameof(span));
        CvNative.Check(CvNative.ImDecode(span, span.Length, (int)flags, out var handle));
        return new Mat(handle);
    }

    public static bool ImWrite(string fileName, Mat img, int[]? prms = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(fileName);
        ArgumentNullException.ThrowIfNull(img);
        prms ??= [];
        CvNative.Check(CvNative.ImWrite(fileName, img.Handle, prms, prms.Length, out var done));
        return done != 0;
    }

    public static bool ImWrite(string fileName, Mat img, params ImageEncodingParam[] prms) => ImWrite(fileName, img, Pairs(prms));

    public static unsafe bool ImEncode(string ext, InputArray img, out byte[] buf, int[]? prms = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(ext);
        ArgumentNullException.ThrowIfNull(img);
        prms ??= [];
        CvNative.Check(CvNative.ImEncode(ext, img.Handle, prms, prms.Length, out var bytes, out var data, out var length, out var done));
        try
        {
            buf = new ReadOnlySpan<byte>(data, checked((int)length)).ToArray();
        }
        finally
        {
            CvNative.BytesFree(bytes);
        }

        return done != 0;
    }

    public static void ImEncode(string ext, InputArray img, out byte[] buf, params ImageEncodingParam[] prms) =>
        ImEncode(ext, img, out buf, Pairs(prms));

    private static int[] Pairs(ImageEncodingParam[] prms) => [.. prms.SelectMany(p => new[] { (int)p.EncodingId, p.Value })];
}
