using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// How fast each pair of a head's axes turns per token: θ^(−2j/r), stretched in one of the ways that checkpoints name in
/// <c>rope_scaling</c>. In single precision, operator by operator as the reference, because angles grow with the position.
/// </summary>
internal abstract class RopeFrequencies
{
    /// <summary>What sines and cosines are multiplied by.</summary>
    public virtual double Magnitude => 1;

    /// <summary>The greatest number of tokens that share one set of frequencies; beyond it a turned key is not what a longer text would make of it.</summary>
    public virtual long Stable => long.MaxValue;

    /// <summary>How much farther than the trained context the stretching is made to reach.</summary>
    public virtual double Reach => 1;

    /// <summary>Frequencies [width / 2]; the caller disposes them.</summary>
    /// <param name="width">r, the axes that are turned.</param>
    /// <param name="theta">θ.</param>
    /// <param name="tokens">The length of the text so far.</param>
    public abstract Tensor Of(int width, double theta, long tokens);

    protected static Tensor Powers(int width, double theta)
    {
        using var scope = NewDisposeScope();
        var exponents = arange(0, width, 2, ScalarType.Float32) / width;
        return tensor((float)theta).pow(exponents).MoveToOuterDisposeScope();
    }

    protected static Tensor Plain(int width, double theta)
    {
        using var powers = Powers(width, theta);
        return 1.0 / powers;
    }
}

/// <summary>Su et al. 2021, without stretching.</summary>
internal sealed class PlainFrequencies : RopeFrequencies
{
    public override Tensor Of(int width, double theta, long tokens) => Plain(width, theta);
}

/// <summary>Position interpolation (Chen et al. 2023): every frequency divided by the factor.</summary>
internal sealed class LinearFrequencies(double factor) : RopeFrequencies
{
    public override double Reach => factor;

    public override Tensor Of(int width, double theta, long tokens)
    {
        using var plain = Plain(width, theta);
        return plain / factor;
    }
}

/// <summary>Dynamic NTK scaling: beyond the trained context θ grows with the text, so that frequencies change from length to length.</summary>
internal sealed class DynamicFrequencies(double factor, int context) : RopeFrequencies
{
    public override long Stable => context;

    public override double Reach => factor;

    public override Tensor Of(int width, double theta, long tokens)
    {
        var length = Math.Max(tokens, context);
        var stretch = factor * length / context - (factor - 1);
        return Plain(width, theta * Math.Pow(stretch, width / (width - 2.0)));
    }
}

/// <summary>Llama 3.1: slow pairs are divided by the factor, fast ones kept, those between blended.</summary>
internal sealed class Llama3Frequencies(double factor, double low, double high, int context) : RopeFrequencies
{
    public override Tensor Of(int width, double theta, long tokens)
    {
        using var scope = NewDisposeScope();
        var plain = Plain(width, theta);
        var wave = 2 * Math.PI / plain;
        var (longest, shortest) = (context / low, context / high);
        var stretched = plain.where(wave.gt(longest).logical_not(), plain / factor);
        var blend = (context / wave - low) / (high - low);
        var blended = (1 - blend) * stretched / factor + blend * stretched;
        var between = wave.lt(shortest).logical_or(wave.gt(longest)).logical_not();
        return blended.where(between, stretched).MoveToOuterDisposeScope();
    }
}

/// <summary>
/// LongRoPE (Ding et al. 2024) as Phi-3 has it: each pair is divided by a factor of its own, of one list within the trained context and of
/// another beyond it, and scores are sharpened.
/// </summary>
internal sealed class LongFrequencies(float[] near, float[] far, double magnitude, int context) : RopeFrequencies
{
    public override double Magnitude => magnitude;

    public override long Stable => context;

    public override Tensor Of(int width, double theta, long tokens)
    {
        using var scope = NewDisposeScope();
        return (1.0 / (tensor(tokens > context ? far : near) * Powers(width, theta))).MoveToOuterDisposeScope();
    }
}

/// <summary>YaRN (Peng et al. 2023): interpolated and plain frequencies blended by a ramp over the pairs, attention sharpened.</summary>
internal sealed class YarnFrequencies(double factor, double magnitude, double fast, double slow, int context) : RopeFrequencies
{
    public override double Magnitude => magnitude;

    public override double Reach => factor;

    public override Tensor Of(int width, double theta, long tokens)
    {
        using var scope = NewDisposeScope();
        double Pair(double turns) => width * Math.Log(context / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
        double first = Math.Max(Math.Floor(Pair(fast)), 0), last = Math.Min(Math.Ceiling(Pair(slow)), width - 1);
        if (first == last) last += 0.001;
        var ramp = ((arange(0, width / 2, 1, ScalarType.Float32) - first) / (last - first)).clamp(0, 1);
        var powers = Powers(width, theta);
        var kept = 1 - ramp;
        return (1.0 / (factor * powers) * (1 - kept) + 1.0 / powers * kept).MoveToOuterDisposeScope();
    }
}
