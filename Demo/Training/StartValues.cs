using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>How the weights of the demo's transformers start.</summary>
internal static class StartValues
{
    /// <summary>
    /// Matrices are normal with a deviation of 0.8 / √inputs; what writes to the residual stream starts smaller, so that depth does not
    /// blow it up, and the classifier near zero. Gains are 1, biases and tokens 0.
    /// </summary>
    public static Tensor Of(string name, long[] shape, int layers, Generator random)
    {
        if (shape.Length is 1 or 3) return full(shape, shape.Length == 1 && name.EndsWith("weight", StringComparison.Ordinal) ? 1.0 : 0.0);
        double deviation = name == "head.weight" ? 0.02 : 0.8 / Math.Sqrt(shape[1..].Aggregate(1L, (product, size) => product * size));
        if (name.EndsWith("out.weight", StringComparison.Ordinal)) deviation *= 1.5 / Math.Sqrt(2 * layers);
        return randn(shape, generator: random).clamp_(-2, 2).mul_(deviation);
    }
}
