using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Gates between 0 and 1 that can be learned and yet reach both ends exactly (Louizos et al. 2018): a stretched, clamped sigmoid of log α plus
/// noise. The constants are those of edge pruning's published code.
/// </summary>
public static class HardConcrete
{
    private const double Temperature = 2.0 / 3, Low = -0.1, High = 1.1, Edge = 1e-6;

    /// <summary>One draw of every gate, [as log α], 0 to 1; differentiable by log α.</summary>
    public static Tensor Sample(Tensor logAlpha, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(logAlpha);
        var u = rand(logAlpha.shape, generator: generator).to(logAlpha.device) * (1 - 2 * Edge) + Edge;
        return Stretched((u.log() - (1 - u).log() + logAlpha) / Temperature);
    }

    /// <summary>Every gate without noise, 0 to 1.</summary>
    public static Tensor Settled(Tensor logAlpha)
    {
        ArgumentNullException.ThrowIfNull(logAlpha);
        return Stretched(logAlpha / Temperature);
    }

    /// <summary>The probability that a gate is not 0; differentiable by log α.</summary>
    public static Tensor Open(Tensor logAlpha)
    {
        ArgumentNullException.ThrowIfNull(logAlpha);
        return (logAlpha - Temperature * Math.Log(-Low / High)).sigmoid();
    }

    private static Tensor Stretched(Tensor logits) => (logits.sigmoid() * (High - Low) + Low).clamp(0, 1);
}
