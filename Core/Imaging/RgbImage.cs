using OpenCvSharp;
using Prisma.Engine;

namespace Prisma.Core;

/// <summary>
/// A picture: 8 bits for each of red, green and blue, row by row, [height, width, 3]. Managed memory only; nothing to dispose.
/// Pixels are not written after construction.
/// </summary>
public sealed class RgbImage
{
    private readonly byte[] _pixels;

    /// <summary>Takes over the pixels: [height, width, 3], red first.</summary>
    /// <exception cref="ShapeException">A size below 1, or as many bytes as do not fit it.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (width < 1 || height < 1 || pixels.LongLength != 3L * width * height)
            throw new ShapeException($"A picture of {width}x{height} needs {3L * width * height} bytes, got {pixels.LongLength}.");
        (Width, Height, _pixels) = (width, height, pixels);
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[height, width, 3], red first.</summary>
    public ReadOnlySpan<byte> Pixels => _pixels;

    /// <summary>The colour at a column and a row.</summary>
    public (byte R, byte G, byte B) this[int x, int y]
    {
        get
        {
            var at = 3 * (y * Width + x);
            return (_pixels[at], _pixels[at + 1], _pixels[at + 2]);
        }
    }

    /// <summary>One colour everywhere.</summary>
    public static RgbImage Filled(int width, int height, byte r, byte g, byte b)
    {
        var pixels = new byte[checked(3 * width * height)];
        for (var i = 0; i < pixels.Length; i += 3) (pixels[i], pixels[i + 1], pixels[i + 2]) = (r, g, b);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>
    /// Reads a picture file (PNG, JPEG, WebP, TIFF, BMP). Transparency is dropped, not composited; grey is replicated; of 16-bit samples
    /// the high byte is kept; CMYK is converted.
    /// </summary>
    /// <exception cref="PrismaException">The file is missing, empty, cut off, no picture, or of a kind that cannot become RGB faithfully.</exception>
    public static RgbImage Load(string path, PictureOrientation orientation = PictureOrientation.AsStored)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (Directory.Exists(path)) throw new PrismaException($"Cannot read the picture '{path}': it is a folder. Name a picture file.");
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PrismaException($"Cannot read the picture '{path}': there is no such file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrismaException($"Cannot read the picture '{path}': {e.Message}", e);
        }

        return Decode(bytes, path, orientation);
    }

    /// <summary>Reads a picture from the bytes of a file; <paramref name="name"/> is how messages call it.</summary>
    /// <exception cref="PrismaException">As for <see cref="Load"/>.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> bytes, string name, PictureOrientation orientation = PictureOrientation.AsStored) =>
        PictureDecoder.Decode(bytes, name, orientation);

    /// <summary>The picture resampled exactly as Pillow's <c>Image.resize</c> does it.</summary>
    /// <exception cref="ShapeException">A size below 1, or a picture too large for one array.</exception>
    public RgbImage Resize(int width, int height, ResizeFilter filter)
    {
        if (width < 1 || height < 1 || 3L * width * height > Array.MaxLength)
            throw new ShapeException($"Cannot resize a picture of {Width}x{Height} to {width}x{height}.");
        if (width == Width && height == Height) return this;
        var pixels = new byte[3 * width * height];
        PillowResize.Run(_pixels, Width, Height, 3, pixels, width, height, (int)filter);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>The file's bytes as PNG, lossless.</summary>
    public byte[] ToPng()
    {
        using var bgr = ToBgr();
        Cv2.ImEncode(".png", bgr, out var bytes, [new ImageEncodingParam(ImwriteFlags.PngCompression, 6)]);
        return bytes;
    }

    /// <summary>The file's bytes as JPEG.</summary>
    /// <param name="quality">1 to 100.</param>
    /// <exception cref="OptionsException">A quality outside 1 to 100.</exception>
    public byte[] ToJpeg(int quality = 92)
    {
        if (quality is < 1 or > 100) throw new OptionsException($"JPEG quality is 1 to 100, got {quality}.");
        using var bgr = ToBgr();
        Cv2.ImEncode(".jpg", bgr, out var bytes, [new ImageEncodingParam(ImwriteFlags.JpegQuality, quality)]);
        return bytes;
    }

    /// <summary>Writes a .png, .jpg or .jpeg file; it appears complete or not at all.</summary>
    /// <exception cref="PrismaException">Another ending, a file that is there and may not be replaced, or a place that cannot be written.</exception>
    public void Save(string path, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var bytes = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".png" => ToPng(),
            ".jpg" or ".jpeg" => ToJpeg(),
            var other => throw new PrismaException($"Cannot write the picture '{path}': '{other}' is not among .png, .jpg and .jpeg."),
        };
        AtomicFile.WriteBytes(path, bytes, existing);
    }

    private Mat ToBgr()
    {
        using var rgb = Mat.FromPixelData(Height, Width, MatType.CV_8UC3, _pixels);
        var bgr = new Mat();
        Cv2.CvtColor(rgb, bgr, ColorConversionCodes.RGB2BGR);
        return bgr;
    }
}
