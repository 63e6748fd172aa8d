using Prisma.Core;

namespace Prisma.Sae;

/// <summary>How often and how strongly each feature fires: running sums in double precision over batches of codes. No native memory.</summary>
public sealed class FeatureUsage
{
    private readonly int[] _lastPicture;
    private long _pictures, _distinct;

    /// <summary>Nothing counted yet.</summary>
    /// <param name="features">Number of features of the coder.</param>
    public FeatureUsage(int features)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        (Counts, Sums, Squares, Highest, PictureCounts, _lastPicture) =
            (new long[features], new double[features], new double[features], new float[features], new long[features], new int[features]);
    }

    /// <summary>Vectors counted.</summary>
    public long Rows { get; private set; }

    /// <summary>Pictures (or texts) counted; 0 where the rows did not come in groups.</summary>
    public long Pictures => _pictures;

    /// <summary>Entries that are not zero, over all features.</summary>
    public long Entries { get; private set; }

    /// <summary>Per feature, the vectors on which it is not zero.</summary>
    public long[] Counts { get; }

    /// <summary>Per feature, the sum of its activations.</summary>
    public double[] Sums { get; }

    /// <summary>Per feature, the sum of their squares.</summary>
    public double[] Squares { get; }

    /// <summary>Per feature, the largest activation; 0 where it never fired.</summary>
    public float[] Highest { get; }

    /// <summary>Per feature, the pictures on which it fires at least once.</summary>
    public long[] PictureCounts { get; }

    /// <summary>Mean number of different features on a picture; NaN without pictures.</summary>
    public double DistinctPerPicture => _pictures == 0 ? double.NaN : (double)_distinct / _pictures;

    /// <summary>Mean sum over a picture's vectors of their active features; NaN without pictures.</summary>
    public double EntriesPerPicture => _pictures == 0 ? double.NaN : (double)Entries / _pictures;

    /// <summary>Adds codes.</summary>
    /// <param name="codes">The entries.</param>
    /// <param name="rowsPerPicture">How many rows in a row belong to one picture; 0 where they belong to none.</param>
    /// <exception cref="ShapeException">The codes are another coder's, or the rows are no whole pictures.</exception>
    public void Add(CodeEntries codes, int rowsPerPicture = 0)
    {
        ArgumentNullException.ThrowIfNull(codes);
        if (codes.Count != Counts.Length) throw new ShapeException($"Codes of {codes.Count} features were added to statistics of {Counts.Length}.");
        if (rowsPerPicture < 0 || (rowsPerPicture > 0 && codes.Rows % rowsPerPicture != 0))
            throw new ShapeException($"{codes.Rows} rows are no whole number of pictures of {rowsPerPicture} tokens.");
        for (var row = 0; row < codes.Rows; row++)
        {
            if (rowsPerPicture > 0 && row % rowsPerPicture == 0) _pictures++;
            var (start, end) = codes.Row(row);
            for (var entry = start; entry < end; entry++) Note(codes.Feature(entry), codes.Value(entry), rowsPerPicture > 0);
        }
        Rows += codes.Rows;
    }

    /// <summary>What was counted, judged by thresholds.</summary>
    /// <exception cref="OptionsException">Nothing was counted, or the thresholds do not hold.</exception>
    public UsageReport Report(UsageOptions? options = null)
    {
        options ??= new UsageOptions();
        options.Validate();
        if (Rows == 0) throw new OptionsException("No codes were counted.");
        return UsageReport.Of(this, options);
    }

    private void Note(int feature, float value, bool inPicture)
    {
        Entries++;
        Counts[feature]++;
        Sums[feature] += value;
        Squares[feature] += (double)value * value;
        Highest[feature] = Math.Max(Highest[feature], value);
        // Pictures are numbered from 1, so that 0 means: on none yet.
        if (!inPicture || _lastPicture[feature] == _pictures) return;
        _lastPicture[feature] = checked((int)_pictures);
        PictureCounts[feature]++;
        _distinct++;
    }
}
