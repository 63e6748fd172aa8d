using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A running mean of ratios that leaves out those whose denominator is zero: a vector that is its batch's mean, or is constant.</summary>
internal sealed class FiniteMean
{
    private double _sum;
    private long _count;

    /// <summary>The mean; NaN where every ratio was left out.</summary>
    internal double Value => _count == 0 ? double.NaN : _sum / _count;

    internal void Add(Tensor ratios)
    {
        using var scope = NewDisposeScope();
        var finite = ratios.masked_select(ratios.isfinite());
        _sum += finite.sum().item<double>();
        _count += finite.numel();
    }
}
