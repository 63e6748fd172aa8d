using Prisma.Core;

namespace Prisma;

/// <summary>
/// How like a picture is to its original: the signal's ratio to the error and the structural similarity (Wang et al. 2004), which stands in for LPIPS, whose
/// weights are not at hand. Both on pixels; a CLIP model adds a distance in its own space, see <see cref="PictureEmbedder"/>.
/// </summary>
/// <param name="Psnr">10·log10(255² / mean squared error) in dB; infinite for equal pictures.</param>
/// <param name="Ssim">Structural similarity of the luma, mean over all windows of 11 pixels (Gaussian, σ = 1.5); 1 for equal pictures.</param>
public sealed record Likeness(double Psnr, double Ssim)
{
    private const int Window = 11;
    private const double Sigma = 1.5, Range = 255, C1 = 0.01 * Range * (0.01 * Range), C2 = 0.03 * Range * (0.03 * Range);

    private static readonly double[] s_kernel = Kernel();

    /// <summary>How like a picture is to its original.</summary>
    /// <exception cref="ShapeException">They differ in size, or are smaller than a window.</exception>
    public static Likeness Of(RgbImage picture, RgbImage original)
    {
        PictureChange.CheckSizes(picture, original);
        if (picture.Width < Window || picture.Height < Window) throw new ShapeException($"Structural similarity needs {Window} pixels along each side; the pictures are {picture.Width}x{picture.Height}.");
        var a = picture.Pixels;
        var b = original.Pixels;
        var squares = 0.0;
        for (var i = 0; i < a.Length; i++) squares += (double)(a[i] - b[i]) * (a[i] - b[i]);
        return new Likeness(10 * Math.Log10(Range * Range / (squares / a.Length)), Similarity(Luma(picture), Luma(original), picture.Width));
    }

    private static double Similarity(double[] x, double[] y, int width)
    {
        var (meanX, meanY) = (Blur(x, width), Blur(y, width));
        var (squareX, squareY, product) = (Blur([.. x.Select(v => v * v)], width), Blur([.. y.Select(v => v * v)], width), Blur([.. x.Zip(y, (p, q) => p * q)], width));
        var sum = 0.0;
        for (var i = 0; i < meanX.Length; i++)
        {
            var (mx, my) = (meanX[i], meanY[i]);
            var (vx, vy, cov) = (squareX[i] - mx * mx, squareY[i] - my * my, product[i] - mx * my);
            sum += (2 * mx * my + C1) * (2 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2));
        }
        return sum / meanX.Length;
    }

    // Only windows that lie in the picture: rows first, then columns.
    private static double[] Blur(double[] values, int width)
    {
        var (height, across, down) = (values.Length / width, width - Window + 1, values.Length / width - Window + 1);
        var rows = new double[height * across];
        for (var y = 0; y < height; y++)
            for (var x = 0; x < across; x++)
                for (var k = 0; k < Window; k++) rows[y * across + x] += s_kernel[k] * values[y * width + x + k];
        var blurred = new double[down * across];
        for (var y = 0; y < down; y++)
            for (var x = 0; x < across; x++)
                for (var k = 0; k < Window; k++) blurred[y * across + x] += s_kernel[k] * rows[(y + k) * across + x];
        return blurred;
    }

    private static double[] Luma(RgbImage picture)
    {
        var luma = new double[picture.Width * picture.Height];
        var pixels = picture.Pixels;
        for (var i = 0; i < luma.Length; i++) luma[i] = 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
        return luma;
    }

    private static double[] Kernel()
    {
        var weights = Enumerable.Range(-Window / 2, Window).Select(k => Math.Exp(-k * k / (2 * Sigma * Sigma))).ToArray();
        return [.. weights.Select(weight => weight / weights.Sum())];
    }
}
