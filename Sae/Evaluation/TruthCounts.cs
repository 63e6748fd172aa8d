using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Holds features against known facts (Karvonen et al. 2024, on board games): feature i at threshold t says "yes" on vectors where z > t·max_i,
/// with t = 0, 0.1 … 0.9. Counts how often that goes with each property. [F · 10 · properties] numbers, no native memory.
/// </summary>
public sealed class TruthCounts
{
    /// <summary>Thresholds as shares of a feature's maximum.</summary>
    public const int Levels = 10;

    private readonly float[] _highest;
    private readonly int[] _fires, _both;
    private readonly long[] _shows;

    /// <summary>Nothing counted yet.</summary>
    /// <param name="highest">Each feature's largest activation over the data, such as <see cref="FeatureUsage.Highest"/>.</param>
    /// <param name="properties">The facts' names.</param>
    public TruthCounts(IReadOnlyList<float> highest, IReadOnlyList<string> properties)
    {
        ArgumentNullException.ThrowIfNull(highest);
        ArgumentNullException.ThrowIfNull(properties);
        if (properties.Count == 0) throw new OptionsException("There is no property to hold features against.");
        (_highest, Properties) = ([.. highest], properties);
        _fires = new int[checked(highest.Count * Levels)];
        _both = new int[checked(_fires.Length * properties.Count)];
        _shows = new long[properties.Count];
    }

    /// <summary>The facts' names.</summary>
    public IReadOnlyList<string> Properties { get; }

    /// <summary>Vectors counted.</summary>
    public long Rows { get; private set; }

    /// <summary>Features.</summary>
    public int Features => _highest.Length;

    /// <summary>Adds vectors: their codes and, for each, the numbers of the properties that it shows.</summary>
    /// <exception cref="ShapeException">The numbers of vectors or features differ.</exception>
    public void Add(CodeEntries codes, IReadOnlyList<IReadOnlyList<int>> shown)
    {
        ArgumentNullException.ThrowIfNull(codes);
        ArgumentNullException.ThrowIfNull(shown);
        if (codes.Count != Features || codes.Rows != shown.Count)
            throw new ShapeException($"{codes.Rows} vectors of {codes.Count} features were held against {shown.Count} facts for {Features} features.");
        for (var row = 0; row < codes.Rows; row++)
        {
            foreach (var property in shown[row]) _shows[property]++;
            var (start, end) = codes.Row(row);
            for (var entry = start; entry < end; entry++)
            {
                var feature = codes.Feature(entry);
                var level = LevelOf(codes.Value(entry), _highest[feature]);
                if (level < 0) continue;
                var cell = feature * Levels + level;
                _fires[cell]++;
                foreach (var property in shown[row]) _both[cell * Properties.Count + property]++;
            }
        }
        Rows += codes.Rows;
    }

    /// <summary>The highest threshold that an activation passes; −1 for none.</summary>
    public static int LevelOf(float value, float highest)
    {
        if (!(value > 0) || !(highest > 0)) return -1;
        var level = Math.Min(Levels - 1, (int)(value / (double)highest * Levels));
        // Exactly at a threshold is not above it.
        while (level > 0 && value <= (float)level / Levels * highest) level--;
        return level;
    }

    /// <summary>Vectors that show a property.</summary>
    public long Shows(int property) => _shows[property];

    /// <summary>A feature at a threshold: on how many vectors it says yes, and on how many of those the property shows.</summary>
    public (long Fires, long Both) Count(int feature, int level, int property)
    {
        var (fires, both) = (0L, 0L);
        for (var at = level; at < Levels; at++)
        {
            fires += _fires[feature * Levels + at];
            both += _both[(feature * Levels + at) * Properties.Count + property];
        }
        return (fires, both);
    }
}
