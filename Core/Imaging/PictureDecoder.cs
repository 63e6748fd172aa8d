using OpenCvSharp;

namespace Prisma.Core;

/// <summary>
/// Bytes of a picture file to RGB, through OpenCV. What OpenCV would pass over in silence is looked at first: a JPEG that ends early
/// comes out of it with invented rows, and a TIFF with transparency with colours multiplied by it.
/// </summary>
internal static class PictureDecoder
{
    private const ImreadModes AsItIs = ImreadModes.AnyColor | ImreadModes.AnyDepth;

    public static RgbImage Decode(ReadOnlySpan<byte> bytes, string name, PictureOrientation orientation)
    {
        if (bytes.IsEmpty) throw new PrismaException($"Cannot read the picture '{name}': the file is empty.");
        var kind = PictureKind.Of(bytes);
        if ((kind == "JPEG" && !JpegEnd.IsThere(bytes)) || (kind == "PNG" && !PngEnd.IsThere(bytes)))
            throw new PrismaException($"Cannot read the picture '{name}': the {kind} ends before its picture does ({bytes.Length} bytes). Fetch the file again.");
        try
        {
            if (kind == "TIFF") RefuseTransparency(bytes, name);
            using var mat = Cv2.ImDecode(bytes, orientation == PictureOrientation.Upright ? AsItIs : AsItIs | ImreadModes.IgnoreOrientation);
            if (mat.Empty()) throw Unreadable(name, kind);
            if (mat.Total() > Array.MaxLength / 3)
                throw new PrismaException($"Cannot read the picture '{name}': {mat.Width}x{mat.Height} pixels are too many; up to {Array.MaxLength / 3} are read.");
            return mat.Depth() switch
            {
                MatType.CV_8U => FromBytes(mat, name),
                MatType.CV_16U => FromWords(mat, name),
                _ => throw new PrismaException($"Cannot read the picture '{name}': its samples are {mat.Type()}. Convert it to 8 or 16 bits without sign."),
            };
        }
        catch (OpenCVException e)
        {
            throw new PrismaException($"Cannot read the picture '{name}'{Called(kind)}: {e.Message}", e);
        }
    }

    private static PrismaException Unreadable(string name, string? kind) => kind switch
    {
        null => new($"Cannot read the picture '{name}': it is not a PNG, JPEG, WebP, TIFF or BMP file."),
        "GIF" => new($"Cannot read the picture '{name}': it is a GIF. Save the frame that you mean as PNG."),
        _ => new($"Cannot read the picture '{name}'{Called(kind)}: the file is damaged or cut off. Fetch it again."),
    };

    private static string Called(string? kind) => kind is null ? "" : $", a {kind} file";

    private static RgbImage FromBytes(Mat mat, string name)
    {
        using var rgb = new Mat();
        Cv2.CvtColor(mat, rgb, mat.Channels() switch
        {
            1 => ColorConversionCodes.GRAY2RGB,
            3 => ColorConversionCodes.BGR2RGB,
            4 => ColorConversionCodes.BGRA2RGB,
            var n => throw new PrismaException($"Cannot read the picture '{name}': it has {n} channels; grey, RGB and RGBA are read."),
        });
        return new RgbImage(rgb.Width, rgb.Height, rgb.AsSpan<byte>().ToArray());
    }

    // The high byte, as Pillow takes it from 16-bit RGB.
    private static RgbImage FromWords(Mat mat, string name)
    {
        var channels = mat.Channels();
        if (channels is not (1 or 3 or 4)) throw new PrismaException($"Cannot read the picture '{name}': it has {channels} channels; grey, RGB and RGBA are read.");
        var words = mat.AsSpan<ushort>();
        var pixels = new byte[3 * mat.Width * mat.Height];
        for (int from = 0, to = 0; to < pixels.Length; from += channels, to += 3)
        {
            for (var c = 0; c < 3; c++) pixels[to + c] = (byte)(words[channels == 1 ? from : from + 2 - c] >> 8);
        }

        return new RgbImage(mat.Width, mat.Height, pixels);
    }

    private static void RefuseTransparency(ReadOnlySpan<byte> bytes, string name)
    {
        using var mat = Cv2.ImDecode(bytes, ImreadModes.Unchanged);
        if (mat.Empty() || mat.Type() != MatType.CV_8UC4) return;
        var samples = mat.AsSpan<byte>();
        for (var i = 3; i < samples.Length; i += 4)
        {
            if (samples[i] != 255)
                throw new PrismaException($"Cannot read the picture '{name}': a TIFF with transparency, whose colours would come out darkened. Save it as PNG, or without transparency.");
        }
    }
}
