using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>Fixed positions of the original transformer (Vaswani et al. 2017): sine on even axes, cosine on odd ones, one angle for each pair.</summary>
public static class SinusoidTable
{
    /// <summary>[1, positions, width], angles in double precision. The caller (or its scope) disposes it.</summary>
    public static Tensor Of(long positions, int width)
    {
        var values = new float[positions * width];
        for (long position = 0; position < positions; position++)
            for (var axis = 0; axis < width; axis++)
            {
                var angle = position / Math.Pow(10000, 2.0 * (axis / 2) / width);
                values[position * width + axis] = (float)(axis % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
            }
        return tensor(values, [1, positions, width]);
    }
}
