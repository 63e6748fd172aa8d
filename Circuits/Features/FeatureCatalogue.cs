using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// What every feature of a coder fires on, gathered over a stream of pictures: a bounded number of examples per feature, whatever the number of
/// pictures. The result does not depend on how the stream is cut into batches.
/// </summary>
public sealed class FeatureCatalogue
{
    private readonly FeatureTally[] _features;
    private readonly List<string> _pictures = [];

    /// <summary>Nothing gathered yet.</summary>
    /// <param name="features">Number of features of the coder.</param>
    /// <param name="examples">Pictures to keep per feature.</param>
    /// <param name="lengths">The length of what each feature writes per unit of activation; null: 1.</param>
    public FeatureCatalogue(int features, int examples = 9, IReadOnlyList<float>? lengths = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        if (examples is < 1 or > 1000) throw new OptionsException($"{examples} pictures per feature were asked for; 1 to 1000 can be kept.");
        if (lengths is not null && lengths.Count != features) throw new ShapeException($"{lengths.Count} lengths were given for {features} features.");
        (Examples, Lengths) = (examples, lengths is null ? [.. Enumerable.Repeat(1f, features)] : [.. lengths]);
        _features = [.. Enumerable.Range(0, features).Select(_ => new FeatureTally())];
    }

    /// <summary>Pictures kept per feature.</summary>
    public int Examples { get; }

    /// <summary>The length of what each feature writes per unit of activation.</summary>
    public IReadOnlyList<float> Lengths { get; }

    /// <summary>By number.</summary>
    public IReadOnlyList<FeatureTally> Features => _features;

    /// <summary>The pictures seen, by number.</summary>
    public IReadOnlyList<string> Pictures => _pictures;

    /// <summary>Vectors seen.</summary>
    public long Rows { get; internal set; }

    /// <summary>How tokens lie on pictures; null where they have no place, or nothing was seen yet.</summary>
    public TokenLayout? Layout { get; internal set; }

    /// <summary>The layout's number of the coder's first token.</summary>
    public int FirstToken { get; internal set; }

    /// <summary>The share of vectors on which a feature fires.</summary>
    public double Density(int feature) => Rows == 0 ? 0 : (double)_features[feature].Fires / Rows;

    /// <summary>Adds pictures.</summary>
    /// <param name="reading">The coder's codes on them. Borrowed.</param>
    /// <param name="names">Their names.</param>
    /// <exception cref="PrismaException">They are another coder's, or lie otherwise on the picture than those before.</exception>
    public void Add(FeatureReading reading, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(reading);
        ArgumentNullException.ThrowIfNull(names);
        if (reading.Entries.Count != _features.Length || reading.Pictures != names.Count)
            throw new ShapeException($"A catalogue of {_features.Length} features was given {reading.Pictures} pictures with {names.Count} names and {reading.Entries.Count} features.");
        var layout = reading.OnPicture ? reading.Layout : null;
        if (Rows > 0 && (layout != Layout || reading.FirstToken != FirstToken))
            throw new OptionsException("The pictures' tokens lie otherwise than those of the pictures before: a catalogue needs pictures of one prepared size.");
        (Layout, FirstToken) = (layout, reading.FirstToken);
        for (var k = 0; k < reading.Pictures; k++)
        {
            AddPicture(reading, k, _pictures.Count);
            _pictures.Add(names[k]);
        }
        Rows += reading.Entries.Rows;
    }

    /// <summary>Where on a picture an example's activations lie.</summary>
    /// <exception cref="NotApplicableException">The coder reads no tokens that have a place.</exception>
    public Heatmap Map(FeatureExample example, ImageGeometry? geometry = null)
    {
        ArgumentNullException.ThrowIfNull(example);
        var layout = Layout ?? throw new NotApplicableException("The coder reads no tokens that lie on the picture, so its features have no maps.");
        var all = new float[layout.Tokens];
        for (var token = 0; token < example.Activations.Count; token++) all[FirstToken + token] = example.Activations[token];
        return Heatmap.FromTokens(all, layout, geometry);
    }

    /// <summary>
    /// Features that are worth a look: those that fire on enough pictures to fill their examples and on few vectors, the ones that write most
    /// first.
    /// </summary>
    /// <param name="count">How many at most.</param>
    /// <param name="densest">The largest share of vectors on which they may fire: what fires nearly everywhere says little about a picture.</param>
    public IReadOnlyList<int> Interesting(int count, double densest = 0.1) =>
        [.. Enumerable.Range(0, _features.Length).Where(k => _features[k].Pictures >= Math.Min(Examples, Math.Max(1, _pictures.Count / 4)) && Density(k) <= densest)
            .OrderByDescending(Energy).ThenBy(k => k).Take(count)];

    /// <summary>The squared length of what a feature writes, mean over all vectors: its part in the prediction.</summary>
    public double Energy(int feature) => Rows == 0 ? 0 : _features[feature].Squares / Rows * Lengths[feature] * Lengths[feature];

    internal void Restore(IEnumerable<string> pictures) => _pictures.AddRange(pictures);

    private void AddPicture(FeatureReading reading, int picture, int number)
    {
        var hits = new Dictionary<int, (float Highest, double Total, int Tokens, int Peak)>();
        for (var token = 0; token < reading.TokensPerPicture; token++)
        {
            var (start, end) = reading.Entries.Row((long)picture * reading.TokensPerPicture + token);
            for (var entry = start; entry < end; entry++)
            {
                var (feature, value) = (reading.Entries.Feature(entry), reading.Entries.Value(entry));
                _features[feature].Fire(value);
                var hit = hits.TryGetValue(feature, out var before) ? before : (Highest: float.NegativeInfinity, Total: 0, Tokens: 0, Peak: token);
                hits[feature] = value > hit.Highest ? (value, hit.Total + value, hit.Tokens + 1, token) : (hit.Highest, hit.Total + value, hit.Tokens + 1, hit.Peak);
            }
        }
        foreach (var (feature, hit) in hits)
        {
            var tally = _features[feature];
            tally.Pictures++;
            if (tally.Wants(hit.Highest, number, Examples))
                tally.Keep(new FeatureExample(number, hit.Highest, hit.Total, hit.Tokens, hit.Peak, reading.Activations(picture, feature)), Examples);
        }
    }
}
