using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Ground-truth recovery: coverage, and the features that name a property nearly without error, from which whole pictures are rebuilt.
/// </summary>
public sealed class TruthReport
{
    private readonly Dictionary<int, (int Level, int[] Properties)[]> _precise = [];

    private TruthReport(IReadOnlyList<TruthMatch> matches, double atOneThreshold) => (Matches, CoverageAtOneThreshold) = (matches, atOneThreshold);

    /// <summary>The best feature for each property that occurs.</summary>
    public IReadOnlyList<TruthMatch> Matches { get; }

    /// <summary>Mean over properties of the best F1 over features and thresholds.</summary>
    public double Coverage => Matches.Average(match => match.F1);

    /// <summary>The same with one threshold for all, the best one: the order in which the paper's own code maximises.</summary>
    public double CoverageAtOneThreshold { get; }

    /// <summary>The coverage of a feature that always fires.</summary>
    public double Chance => Matches.Average(match => match.Chance);

    /// <summary>Features that name some property with the demanded precision.</summary>
    public int PreciseFeatures => _precise.Count;

    /// <summary>Judges counts.</summary>
    /// <param name="counts">Counted on data that <see cref="Rebuild"/> will not see again.</param>
    /// <param name="precision">What a feature needs to be believed when pictures are rebuilt.</param>
    /// <param name="firings">On how many vectors it must have said yes.</param>
    /// <exception cref="OptionsException">Nothing was counted, or no property occurs.</exception>
    public static TruthReport Of(TruthCounts counts, double precision = 0.95, int firings = 10)
    {
        ArgumentNullException.ThrowIfNull(counts);
        int[] occurring = [.. Enumerable.Range(0, counts.Properties.Count).Where(property => counts.Shows(property) > 0)];
        if (occurring.Length == 0) throw new OptionsException($"None of the {counts.Properties.Count} properties occurs in the {counts.Rows} vectors that were counted.");
        var best = occurring.ToDictionary(property => property, property => new TruthMatch(counts.Properties[property], -1, 0, 0, (double)counts.Shows(property) / counts.Rows));
        var atLevel = new double[TruthCounts.Levels, counts.Properties.Count];
        var precise = new Dictionary<(int Feature, int Level), List<int>>();
        for (var feature = 0; feature < counts.Features; feature++)
            for (var level = 0; level < TruthCounts.Levels; level++)
                foreach (var property in occurring)
                {
                    var (fires, both) = counts.Count(feature, level, property);
                    if (both == 0) continue;
                    var f1 = 2.0 * both / (fires + counts.Shows(property));
                    atLevel[level, property] = Math.Max(atLevel[level, property], f1);
                    if (f1 > best[property].F1) best[property] = best[property] with { Feature = feature, Threshold = (double)level / TruthCounts.Levels, F1 = f1 };
                    if (fires < firings || both < precision * fires) continue;
                    if (!precise.TryGetValue((feature, level), out var named)) precise.Add((feature, level), named = []);
                    named.Add(property);
                }
        var report = new TruthReport([.. best.Values], Enumerable.Range(0, TruthCounts.Levels).Max(level => occurring.Average(property => atLevel[level, property])));
        foreach (var group in precise.GroupBy(pair => pair.Key.Feature))
            report._precise.Add(group.Key, [.. group.Select(pair => (pair.Key.Level, pair.Value.ToArray()))]);
        return report;
    }

    /// <summary>
    /// Rebuilds one picture: a vector shows a property if any precise feature that fires on it says so. F1 of all (vector, property) pairs
    /// against what is there; 1 where nothing is there and nothing was said.
    /// </summary>
    /// <param name="codes">Codes of a batch.</param>
    /// <param name="highest">Each feature's maximum, as it was given to the counts.</param>
    /// <param name="first">The picture's first vector.</param>
    /// <param name="shown">For each of its vectors, the numbers of the properties that it shows.</param>
    public double Rebuild(CodeEntries codes, IReadOnlyList<float> highest, int first, IReadOnlyList<IReadOnlyList<int>> shown)
    {
        ArgumentNullException.ThrowIfNull(codes);
        ArgumentNullException.ThrowIfNull(highest);
        ArgumentNullException.ThrowIfNull(shown);
        if (first < 0 || first + shown.Count > codes.Rows) throw new ShapeException($"A picture of {shown.Count} vectors from {first} on lies outside of {codes.Rows} codes.");
        var (said, right, there) = (0, 0, 0);
        for (var k = 0; k < shown.Count; k++)
        {
            var named = Named(codes, highest, first + k);
            said += named.Count;
            right += shown[k].Count(named.Contains);
            there += shown[k].Count;
        }
        return said + there == 0 ? 1 : 2.0 * right / (said + there);
    }

    private HashSet<int> Named(CodeEntries codes, IReadOnlyList<float> highest, long row)
    {
        var named = new HashSet<int>();
        var (start, end) = codes.Row(row);
        for (var entry = start; entry < end; entry++)
        {
            if (!_precise.TryGetValue(codes.Feature(entry), out var sayings)) continue;
            var level = TruthCounts.LevelOf(codes.Value(entry), highest[codes.Feature(entry)]);
            foreach (var (at, properties) in sayings)
                if (level >= at) named.UnionWith(properties);
        }
        return named;
    }
}
