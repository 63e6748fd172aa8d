using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Which features of a sparse coder fire where on a batch of pictures. Owns its codes; dispose it.</summary>
public sealed class FeatureReading : IDisposable
{
    private readonly TokenLayout? _layout;
    private readonly SparseCodes _codes;

    private FeatureReading(SparseCodes codes, CoderPlacement placement, TokenLayout? layout, int pictures)
    {
        (_codes, _layout, Place, Pictures) = (codes, layout, placement.Reads, pictures);
        TokensPerPicture = (int)(codes.Rows / pictures);
        FirstToken = (int)(placement.Tokens?.Start ?? 0);
        Entries = CodeEntries.Of(codes);
    }

    /// <summary>The place that was read.</summary>
    public HookSite Place { get; }

    /// <summary>The number of pictures.</summary>
    public int Pictures { get; }

    /// <summary>The coder's tokens of each picture.</summary>
    public int TokensPerPicture { get; }

    /// <summary>The model's number of the first of them.</summary>
    public int FirstToken { get; }

    /// <summary>Whether the coder reads tokens that lie on the picture; a coder of the class token has features, but no maps.</summary>
    public bool OnPicture => _layout is { } layout && FirstToken + TokensPerPicture > layout.Prefix;

    /// <summary>The codes, [pictures · tokens, F]. Borrowed.</summary>
    public Codes Codes => _codes;

    /// <summary>Their entries as plain arrays.</summary>
    public CodeEntries Entries { get; }

    /// <summary>How the model's tokens lie on the pictures; null where they have none.</summary>
    public TokenLayout? Layout => _layout;

    /// <summary>Runs the model up to the coder's place and encodes what it finds there.</summary>
    /// <exception cref="PrismaException">Coder and model do not fit.</exception>
    public static FeatureReading Read(HookedModel model, ModelInput input, ISparseCoder coder, SpliceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(coder);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var placement = CoderPlacement.Of(coder, model, input, options);
        using var recording = model.Run(input, HookPlan.Empty.Keep(placement.Reads).StopAfter(placement.Reads));
        var value = recording.Cache[placement.Reads];
        var codes = coder.Encode(placement.Own(value));
        if (codes is not SparseCodes sparse)
            using (codes) sparse = SparseCodes.FromDense(codes.ToDense());
        return new FeatureReading(sparse, placement, model.LayoutOf(input), (int)value.shape[0]);
    }

    /// <summary>The features that fire on a picture, strongest first.</summary>
    public IReadOnlyList<FeatureFiring> Top(int picture, int count = 10, FeatureRanking by = FeatureRanking.Highest) => Top([picture], count, by);

    /// <summary>The features that fire on several pictures taken together, such as the frames of a clip, strongest first.</summary>
    public IReadOnlyList<FeatureFiring> Top(IReadOnlyList<int> pictures, int count = 10, FeatureRanking by = FeatureRanking.Highest)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        var hits = new Dictionary<int, FeatureFiring>();
        foreach (var picture in pictures)
        {
            Check(picture);
            for (var entry = Entries.Row(picture * TokensPerPicture).Start; entry < Entries.Row((picture + 1) * TokensPerPicture - 1).End; entry++)
            {
                var (feature, value) = (Entries.Feature(entry), Entries.Value(entry));
                hits[feature] = hits.TryGetValue(feature, out var hit)
                    ? hit with { Highest = Math.Max(hit.Highest, value), Total = hit.Total + value, Tokens = hit.Tokens + 1 }
                    : new FeatureFiring(feature, value, value, 1);
            }
        }
        return [.. hits.Values.Where(hit => hit.Highest > 0).OrderByDescending(hit => by switch
        {
            FeatureRanking.Total => hit.Total,
            FeatureRanking.Tokens => hit.Tokens,
            _ => hit.Highest,
        }).ThenBy(hit => hit.Feature).Take(count)];
    }

    /// <summary>A feature's activation on each of the coder's tokens of a picture; 0 where it does not fire.</summary>
    public float[] Activations(int picture, int feature)
    {
        Check(picture);
        if (feature < 0 || feature >= _codes.Features)
            throw new OptionsException($"There is no feature {feature}: the coder has {_codes.Features} (0 to {_codes.Features - 1}).");
        var row = new float[TokensPerPicture];
        for (var token = 0; token < row.Length; token++)
        {
            var (start, end) = Entries.Row(picture * TokensPerPicture + token);
            for (var entry = start; entry < end; entry++)
                if (Entries.Feature(entry) == feature) row[token] += Entries.Value(entry);
        }
        return row;
    }

    /// <summary>Where on the picture a feature fires.</summary>
    /// <exception cref="NotApplicableException">The coder reads no tokens that have a place.</exception>
    public Heatmap Map(int picture, int feature, ImageGeometry? geometry = null)
    {
        var own = Activations(picture, feature);
        if (!OnPicture || _layout is not { } layout)
            throw new NotApplicableException($"The coder at {Place} reads no tokens that lie on the picture, so feature {feature} has no map.");
        if (FirstToken + own.Length != layout.Tokens)
            throw new NotApplicableException($"{Place} has {own.Length} tokens from {FirstToken} on, the picture {layout.Tokens}: they cannot be laid onto it.");
        var all = new float[layout.Tokens];
        own.CopyTo(all, FirstToken);
        return Heatmap.FromTokens(all, layout, geometry);
    }

    /// <inheritdoc/>
    public void Dispose() => _codes.Dispose();

    private void Check(int picture)
    {
        if (picture < 0 || picture >= Pictures) throw new OptionsException($"There is no picture {picture}; {Pictures} were read.");
    }
}
