using OpenCvSharp;

namespace Prisma.Tests;

public sealed class Cv2Tests
{
    [Fact]
    public void Colour_conversion_swaps_channels()
    {
        using var bgr = Mat.FromPixelData(1, 1, MatType.CV_8UC3, new byte[] { 1, 2, 3 });
        using var rgb = new Mat();
        Cv2.CvtColor(bgr, rgb, ColorConversionCodes.BGR2RGB);
        Assert.Equal([3, 2, 1], rgb.AsSpan<byte>().ToArray());
    }

    [Fact]
    public void Colour_maps_and_own_tables_are_applied()
    {
        using var levels = Mat.FromPixelData(1, 2, MatType.CV_8UC1, new byte[] { 0, 255 });
        using var coloured = new Mat();
        Cv2.ApplyColorMap(levels, coloured, ColormapTypes.Viridis);
        Assert.Equal(MatType.CV_8UC3, coloured.Type());
        Assert.True(coloured.AsSpan<byte>()[4] > coloured.AsSpan<byte>()[1], "viridis ends light");
        byte[] table = [.. Enumerable.Range(0, 256).SelectMany(i => new[] { (byte)i, (byte)(255 - i), (byte)7 })];
        using var own = Mat.FromPixelData(256, 1, MatType.CV_8UC3, table);
        Cv2.ApplyColorMap(levels, coloured, own);
        Assert.Equal([0, 255, 7, 255, 0, 7], coloured.AsSpan<byte>().ToArray());
    }

    [Fact]
    public void Weighted_sums_and_resizing_compute()
    {
        using var a = new Mat(2, 2, MatType.CV_8UC1, new Scalar(100));
        using var b = new Mat(2, 2, MatType.CV_8UC1, new Scalar(50));
        using var sum = new Mat();
        Cv2.AddWeighted(a, 0.5, b, 1, 3, sum);
        Assert.All(sum.AsSpan<byte>().ToArray(), v => Assert.Equal(103, v));
        using var larger = new Mat();
        Cv2.Resize(sum, larger, new Size(5, 3), interpolation: InterpolationFlags.Nearest);
        Assert.Equal((5, 3), (larger.Width, larger.Height));
    }

    [Fact]
    public void A_drawn_shape_is_found_again_as_a_contour()
    {
        using var sheet = new Mat(20, 30, MatType.CV_8UC1, new Scalar(0));
        Cv2.Rectangle(sheet, new Rect(5, 4, 10, 8), Scalar.All(255), -1);
        Cv2.Rectangle(sheet, new Rect(8, 6, 3, 3), Scalar.All(0), -1);
        Cv2.FindContours(sheet, out var contours, out var hierarchy, RetrievalModes.CComp, ContourApproximationModes.ApproxSimple);
        Assert.Equal(2, contours.Length);
        var outer = Array.FindIndex(hierarchy, h => h.Parent < 0);
        Assert.Equal([new(5, 4), new(5, 11), new(14, 11), new(14, 4)], contours[outer]);
        Assert.Equal(outer, hierarchy[1 - outer].Parent);
        using var copy = new Mat(20, 30, MatType.CV_8UC1, new Scalar(0));
        Cv2.DrawContours(copy, contours, outer, Scalar.All(255), -1, hierarchy: hierarchy, maxLevel: 0);
        Assert.Equal(255, copy.AsSpan<byte>()[4 * 30 + 5]);
        Assert.Equal(0, copy.AsSpan<byte>()[4 * 30 + 4]);
    }

    [Fact]
    public void Lines_circles_polygons_and_letters_leave_ink()
    {
        Action<Mat>[] drawings =
        [
            m => Cv2.Line(m, new Point(2, 2), new Point(40, 30), Scalar.All(255), 1, LineTypes.AntiAlias),
            m => Cv2.Circle(m, new Point(20, 20), 6, Scalar.All(255)),
            m => Cv2.FillPoly(m, [[new Point(5, 5), new Point(30, 5), new Point(5, 30)]], Scalar.All(255)),
            m => Cv2.Polylines(m, [[new Point(5, 5), new Point(30, 5)], [new Point(5, 30), new Point(9, 9), new Point(30, 20)]], false, Scalar.All(255)),
            m => Cv2.PutText(m, "ink", new Point(2, 30), HersheyFonts.HersheySimplex, 1, Scalar.All(255)),
        ];
        foreach (var draw in drawings)
        {
            using var sheet = new Mat(50, 60, MatType.CV_8UC1, new Scalar(0));
            draw(sheet);
            Assert.True(sheet.AsSpan<byte>().Count((byte)0) < 50 * 60 - 8);
        }

        var size = Cv2.GetTextSize("ink", HersheyFonts.HersheySimplex, 1, 1, out var baseline);
        Assert.InRange(size.Width, 30, 60);
        Assert.InRange(baseline, 5, 15);
    }

    [Fact]
    public void A_part_shows_and_keeps_the_whole()
    {
        var whole = Mat.FromPixelData(4, 4, MatType.CV_8UC1, Enumerable.Range(0, 16).Select(i => (byte)i).ToArray());
        using var part = whole.SubMat(new Rect(1, 1, 2, 2));
        whole.Dispose();
        GC.Collect();
        Assert.True(part.IsSubmatrix());
        Assert.True(part.AsSpan<byte>().IsEmpty, "rows with gaps have no span");
        using var copy = part.Clone();
        Assert.Equal([5, 6, 9, 10], copy.AsSpan<byte>().ToArray());
    }

    [Fact]
    public void Files_go_out_and_come_back()
    {
        using var folder = new TempFolder();
        using var mat = Mat.FromPixelData(1, 2, MatType.CV_8UC3, new byte[] { 1, 2, 3, 4, 5, 6 });
        Assert.True(Cv2.ImWrite(folder["käse.png"], mat, [new ImageEncodingParam(ImwriteFlags.PngCompression, 9)]));
        using var read = Cv2.ImRead(folder["käse.png"], ImreadModes.Unchanged);
        Assert.Equal(mat.AsSpan<byte>().ToArray(), read.AsSpan<byte>().ToArray());
        using var none = Cv2.ImRead(folder["none.png"]);
        Assert.True(none.Empty());
    }

    [Fact]
    public void Depths_are_converted_with_a_factor()
    {
        using var bytes = Mat.FromPixelData(1, 2, MatType.CV_8UC1, new byte[] { 0, 255 });
        using var floats = new Mat();
        bytes.ConvertTo(floats, MatType.CV_32FC1, 1.0 / 255, 1);
        Assert.Equal([1f, 2f], floats.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Errors_name_what_opencv_found_wrong()
    {
        using var empty = new Mat();
        using var target = new Mat();
        var error = Assert.Throws<OpenCVException>(() => Cv2.CvtColor(empty, target, ColorConversionCodes.BGR2RGB));
        Assert.Contains("empty", error.Message, StringComparison.Ordinal);
        Assert.NotEqual(0, error.Line);
        var disposed = new Mat(1, 1, MatType.CV_8UC1);
        disposed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => disposed.Width);
    }
}
