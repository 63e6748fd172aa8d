namespace Prisma.Circuits;

/// <summary>
/// Counts of positive activations in bins of equal ratio, 16 to the doubling, so that quantiles come out within about 3 % whatever the scale,
/// and do not depend on the order in which activations came. A bin is the upper bits of the float: its exponent and four bits behind.
/// </summary>
public sealed class ActivationHistogram
{
    private const int Shift = 19;
    private readonly SortedDictionary<int, long> _counts = [];

    /// <summary>Activations counted.</summary>
    public long Total { get; private set; }

    /// <summary>The bins that are not empty, lowest first: their lower edges and counts.</summary>
    public IEnumerable<(float From, long Count)> Bins => _counts.Select(pair => (BitConverter.Int32BitsToSingle(pair.Key << Shift), pair.Value));

    /// <summary>Counts an activation; those that are not positive are left out.</summary>
    public void Add(float value, long times = 1)
    {
        if (!(value > 0) || !float.IsFinite(value)) return;
        var bin = BitConverter.SingleToInt32Bits(value) >> Shift;
        _counts[bin] = _counts.GetValueOrDefault(bin) + times;
        Total += times;
    }

    /// <summary>The activation below which this share of them lies: the middle of its bin; NaN where there are none.</summary>
    public double Quantile(double share)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(share, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        var (wanted, seen) = (share * Total, 0L);
        foreach (var (bin, count) in _counts)
        {
            seen += count;
            if (seen >= wanted) return (BitConverter.Int32BitsToSingle(bin << Shift) + (double)BitConverter.Int32BitsToSingle((bin + 1) << Shift)) / 2;
        }
        return double.NaN;
    }
}
