using OpenCvSharp;

namespace Prisma.Core;

/// <summary>
/// Lays a heatmap's colours over its picture. Where the model saw nothing there is no colour: the picture is paled and hatched.
/// </summary>
internal static class HeatmapOverlay
{
    private const int HatchDistance = 9;

    public static RgbImage Draw(RgbImage? picture, Heatmap map, int frame, HeatmapStyle style, HeatmapRange range)
    {
        var geometry = map.Geometry;
        if (picture is not null && (picture.Width != geometry.OriginalWidth || picture.Height != geometry.OriginalHeight))
            throw new ShapeException($"The heatmap belongs to a picture of {geometry.OriginalWidth}x{geometry.OriginalHeight}, not of {picture.Width}x{picture.Height}.");
        var (width, height) = Fit(geometry.OriginalWidth, geometry.OriginalHeight, style.Side);
        var under = picture is null ? default : picture.Resize(width, height, ResizeFilter.Lanczos).Pixels;
        var values = map.OnPicture(frame, width, height, style.Sampling);
        var colours = style.Colours ?? Default(range);
        var opacity = picture is null ? 1 : style.Opacity;
        var pixels = new byte[3 * width * height];
        for (var i = 0; i < values.Length; i++)
        {
            (double R, double G, double B) below = under.IsEmpty ? (255, 255, 255) : (under[3 * i], under[3 * i + 1], under[3 * i + 2]);
            var grey = 0.299 * below.R + 0.587 * below.G + 0.114 * below.B;
            (double R, double G, double B) over;
            var share = opacity;
            if (float.IsNaN(values[i]))
            {
                below = (grey, grey, grey);
                var stripe = (i % width + i / width) % HatchDistance < 1;
                over = stripe ? (120, 120, 125) : (236, 236, 238);
                share = stripe ? 0.75 : 0.7;
            }
            else
            {
                var own = style.PictureColour;
                below = (grey + (below.R - grey) * own, grey + (below.G - grey) * own, grey + (below.B - grey) * own);
                over = colours[range.Position(values[i])];
            }

            pixels[3 * i] = (byte)Math.Round(below.R + (over.R - below.R) * share);
            pixels[3 * i + 1] = (byte)Math.Round(below.G + (over.G - below.G) * share);
            pixels[3 * i + 2] = (byte)Math.Round(below.B + (over.B - below.B) * share);
        }

        var image = new RgbImage(width, height, pixels);
        return style.Contours.Count == 0 ? image : WithContours(image, values, style.Contours);
    }

    public static Colormap Default(HeatmapRange range) => range.Signed ? Colormap.BlueOrange : Colormap.Viridis;

    public static (int Width, int Height) Fit(int width, int height, int side) => width >= height
        ? (side, Math.Max(1, (int)Math.Round((double)side * height / width)))
        : (Math.Max(1, (int)Math.Round((double)side * width / height)), side);

    private static RgbImage WithContours(RgbImage image, float[] values, IReadOnlyList<float> levels)
    {
        using var canvas = new Canvas(image.Width, image.Height);
        canvas.Put(image, 0, 0);
        foreach (var level in levels)
        {
            byte[] above = [.. values.Select(v => v >= level ? (byte)255 : (byte)0)];
            using var mask = Mat.FromPixelData(image.Height, image.Width, MatType.CV_8UC1, above);
            Cv2.FindContours(mask, out var lines, out _, RetrievalModes.List, ContourApproximationModes.ApproxNone);
            foreach (var line in lines.Where(line => line.Length > 4))
            {
                var smooth = Smooth(line);
                canvas.Loop(smooth, (20, 20, 24), 2);
                canvas.Loop(smooth, (255, 255, 255), 1);
            }
        }

        return canvas.ToImage();
    }

    // Each point becomes the mean of its neighbourhood, in sixteenths of a pixel: the staircase of the mask goes away.
    private static Point[] Smooth(Point[] line)
    {
        const int Reach = 3;
        var smooth = new Point[line.Length];
        for (var i = 0; i < line.Length; i++)
        {
            double x = 0, y = 0;
            for (var d = -Reach; d <= Reach; d++)
            {
                var p = line[(i + d + Reach * line.Length) % line.Length];
                (x, y) = (x + p.X, y + p.Y);
            }

            smooth[i] = new Point((int)Math.Round(16 * x / (2 * Reach + 1)), (int)Math.Round(16 * y / (2 * Reach + 1)));
        }

        return smooth;
    }
}
