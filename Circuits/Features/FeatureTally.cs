namespace Prisma.Circuits;

/// <summary>What one feature did over many pictures: sums, a histogram, and the pictures that excite it most. Managed memory only.</summary>
public sealed class FeatureTally
{
    // The least of those kept is the first to go; of equal ones, the later picture.
    private readonly PriorityQueue<FeatureExample, (float Highest, int Earlier)> _kept = new();

    /// <summary>Tokens on which it is not zero.</summary>
    public long Fires { get; internal set; }

    /// <summary>Pictures on which it fires at least once.</summary>
    public long Pictures { get; internal set; }

    /// <summary>The sum of its activations.</summary>
    public double Sum { get; internal set; }

    /// <summary>The sum of their squares.</summary>
    public double Squares { get; internal set; }

    /// <summary>The largest activation; 0 where it never fired.</summary>
    public float Highest { get; internal set; }

    /// <summary>How strong its activations are.</summary>
    public ActivationHistogram Histogram { get; } = new();

    /// <summary>Mean of the activations that are not zero; NaN where there are none.</summary>
    public double Mean => Fires == 0 ? double.NaN : Sum / Fires;

    /// <summary>Their standard deviation; NaN where there are none.</summary>
    public double Deviation => Fires == 0 ? double.NaN : Math.Sqrt(Math.Max(0, Squares / Fires - Mean * Mean));

    /// <summary>The pictures kept, the strongest first; of equal ones, the earlier first. At most one entry per picture.</summary>
    public IReadOnlyList<FeatureExample> Examples => [.. _kept.UnorderedItems.Select(item => item.Element).OrderByDescending(example => example.Highest).ThenBy(example => example.Picture)];

    internal void Fire(float value)
    {
        Fires++;
        Sum += value;
        Squares += (double)value * value;
        Highest = Math.Max(Highest, value);
        Histogram.Add(value);
    }

    /// <summary>Whether a picture would be kept.</summary>
    internal bool Wants(float highest, int picture, int limit) =>
        highest > 0 && (_kept.Count < limit || (_kept.TryPeek(out _, out var least) && (highest, -picture).CompareTo(least) > 0));

    internal void Keep(FeatureExample example, int limit)
    {
        _kept.Enqueue(example, (example.Highest, -example.Picture));
        if (_kept.Count > limit) _ = _kept.Dequeue();
    }
}
