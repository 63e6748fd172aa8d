using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What stands in for pixels that are taken away.</summary>
internal static class Fill
{
    /// <summary>A picture [n, C, H, W] or clip of the same shape without content.</summary>
    internal static Tensor Of(Tensor pixels, PixelFill fill, double sigma) => fill switch
    {
        PixelFill.Mean => Mean(pixels),
        PixelFill.Blur => Blurred(pixels, sigma),
        _ => pixels.zeros_like(),
    };

    internal static string Name(PixelFill fill) => fill switch
    {
        PixelFill.Mean => "the picture's mean colour",
        PixelFill.Blur => "the blurred picture",
        _ => "zero after normalisation",
    };

    /// <summary>Gaussian blur, cut off at 3σ or a given radius; at the rim the weights inside the picture are made to sum to one.</summary>
    internal static Tensor Blurred(Tensor pixels, double sigma, int? radius = null)
    {
        using var scope = NewDisposeScope();
        var reach = radius ?? (int)Math.Ceiling(3 * sigma);
        float[] weights = [.. Enumerable.Range(-reach, 2 * reach + 1).Select(d => (float)Math.Exp(-d * d / (2 * sigma * sigma)))];
        var kernel = tensor(weights, device: pixels.device).to(pixels.dtype);
        var flat = pixels.reshape(-1, 1, pixels.shape[^2], pixels.shape[^1]);
        var inside = ones([1, 1, pixels.shape[^2], pixels.shape[^1]], pixels.dtype, pixels.device);
        return (Pass(flat, kernel, reach) / Pass(inside, kernel, reach)).reshape(pixels.shape).MoveToOuterDisposeScope();
    }

    private static Tensor Mean(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        return pixels.mean([-2, -1], keepdim: true).expand(pixels.shape).MoveToOuterDisposeScope();
    }

    private static Tensor Pass(Tensor flat, Tensor kernel, int reach)
    {
        var down = nn.functional.conv2d(flat, kernel.view(1, 1, -1, 1), padding: [reach, 0]);
        return nn.functional.conv2d(down, kernel.view(1, 1, 1, -1), padding: [0, reach]);
    }
}
