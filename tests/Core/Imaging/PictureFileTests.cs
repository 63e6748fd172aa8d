using OpenCvSharp;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class PictureFileTests
{
    private static readonly RgbImage Plain = Read("rgb.png");

    [Theory]
    [InlineData("plain.bmp")]
    [InlineData("cmyk.tiff")]
    public void Lossless_files_of_the_same_picture_read_the_same(string file) => Assert.True(Plain.Pixels.SequenceEqual(Read(file).Pixels));

    [Theory]
    [InlineData("plain.jpg", 12)]
    [InlineData("progressive.jpg", 12)]
    [InlineData("cmyk.jpg", 14)]
    public void Jpegs_come_close_to_the_picture_that_they_store(string file, int levels)
    {
        var image = Read(file);
        Assert.Equal((56, 40), (image.Width, image.Height));
        for (var i = 0; i < Plain.Pixels.Length; i++) Assert.InRange(image.Pixels[i], Plain.Pixels[i] - levels, Plain.Pixels[i] + levels);
    }

    [Fact]
    public void The_camera_s_turning_is_ignored_unless_asked_for()
    {
        var stored = Read("turned.jpg");
        var upright = RgbImage.Load(Fixtures.Find("imaging/turned.jpg"), PictureOrientation.Upright);
        Assert.Equal((56, 40), (stored.Width, stored.Height));
        Assert.Equal((40, 56), (upright.Width, upright.Height));
        Assert.Equal(stored[0, 39], upright[0, 0]);
        Assert.Equal(stored[55, 0], upright[39, 55]);
    }

    [Fact]
    public void Transparency_is_dropped_not_composited()
    {
        byte[] bgra = [10, 20, 30, 0, 40, 50, 60, 128];
        using var mat = Mat.FromPixelData(1, 2, MatType.CV_8UC4, bgra);
        var image = RgbImage.Decode(mat.ToBytes(), "memory");
        Assert.Equal(((byte)30, (byte)20, (byte)10), image[0, 0]);
        Assert.Equal(((byte)60, (byte)50, (byte)40), image[1, 0]);
    }

    [Fact]
    public void Grey_with_alpha_bits_and_palettes_become_rgb()
    {
        var grey = Read("grey_alpha.png")[30, 20];
        Assert.Equal((grey.R, grey.R), (grey.G, grey.B));
        Assert.InRange(grey.R, 112, 114);
        Assert.Contains(Read("bits.png")[30, 20].R, (byte[])[0, 255]);
        Assert.True(Read("palette_as_rgb.png").Pixels.SequenceEqual(Read("palette.png").Pixels));
    }

    [Fact]
    public void Sixteen_bits_keep_their_high_byte()
    {
        var grey = Read("grey16.png");
        Assert.Equal((30 * 1000) >> 8, grey[30, 7].R);
        using var colour = Mat.FromPixelData(1, 1, MatType.CV_16UC3, new ushort[] { 0x12FF, 0x3400, 0x5680 });
        Assert.Equal(((byte)0x56, (byte)0x34, (byte)0x12), RgbImage.Decode(colour.ToBytes(), "memory")[0, 0]);
    }

    [Fact]
    public void Float_samples_are_refused()
    {
        using var mat = new Mat(2, 2, MatType.CV_32FC3, Scalar.All(0.5));
        Refused(() => RgbImage.Decode(mat.ToBytes(".tiff"), "half.tiff"), "half.tiff", "CV_32F");
    }

    [Fact]
    public void Tiffs_with_transparency_are_refused() => Refused(() => Read("rgba.tiff"), "rgba.tiff", "transparency");

    [Fact]
    public void Gifs_are_refused_by_name() => Refused(() => Read("plain.gif"), "plain.gif", "GIF");

    [Fact]
    public void A_missing_file_a_folder_and_an_empty_file_are_refused_by_name()
    {
        using var folder = new TempFolder();
        Refused(() => RgbImage.Load(folder["none.png"]), "none.png", "no such file");
        Refused(() => RgbImage.Load(folder.Path), folder.Path, "folder");
        Refused(() => RgbImage.Load(folder.Put("empty.png", [])), "empty.png", "empty");
        Refused(() => RgbImage.Load(folder.Put("words.jpg", "not a picture"u8.ToArray())), "words.jpg", "not a PNG, JPEG");
    }

    [Theory]
    [InlineData("plain.jpg")]
    [InlineData("progressive.jpg")]
    [InlineData("turned.jpg")]
    [InlineData("rgb.png")]
    [InlineData("plain.bmp")]
    [InlineData("cmyk.tiff")]
    public void A_file_that_ends_early_is_refused_with_its_name(string file)
    {
        var bytes = File.ReadAllBytes(Fixtures.Find("imaging/" + file));
        foreach (var share in (double[])[0.02, 0.3, 0.7, 0.97])
            Refused(() => RgbImage.Decode(bytes.AsSpan(0, (int)(bytes.Length * share)), file), file, "");
    }

    [Fact]
    public void Png_saving_loses_nothing_and_refuses_to_overwrite()
    {
        using var folder = new TempFolder();
        Plain.Save(folder["a.png"]);
        Assert.True(Plain.Pixels.SequenceEqual(RgbImage.Load(folder["a.png"]).Pixels));
        Refused(() => Plain.Save(folder["a.png"]), "a.png", "");
        Plain.Save(folder["a.png"], ExistingFile.Replace);
        Plain.Save(folder["b.jpeg"]);
        Refused(() => Plain.Save(folder["c.xyz"]), "c.xyz", ".png, .jpg");
        Assert.Equal(["a.png", "b.jpeg"], Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_native_error_becomes_an_exception()
    {
        using var small = new Mat(2, 2, MatType.CV_8UC1);
        using var large = new Mat(3, 3, MatType.CV_8UC1);
        using var sum = new Mat();
        var error = Assert.Throws<OpenCVException>(() => Cv2.AddWeighted(small, 1, large, 1, 0, sum));
        Assert.Equal(ErrorCode.StsUnmatchedSizes, error.Status);
    }

    private static RgbImage Read(string file) => RgbImage.Load(Fixtures.Find("imaging/" + file));

    private static void Refused(Action act, string name, string reason)
    {
        var error = Assert.ThrowsAny<PrismaException>(act);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
