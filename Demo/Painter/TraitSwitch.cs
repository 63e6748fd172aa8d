using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// A few features that turn one answer to a trait into another while a picture is painted: those of the old answer are pushed away, those of
/// the new one are set where the old ones fired. Nothing else of a block is touched.
/// </summary>
/// <param name="Trait">What changes.</param>
/// <param name="From">The old answer.</param>
/// <param name="To">The new one.</param>
/// <param name="Features">The features.</param>
internal sealed record TraitSwitch(PictureTrait Trait, int From, int To, IReadOnlyList<FeatureContrast> Features)
{
    /// <summary>The greatest number of features.</summary>
    public const int Most = 5;

    /// <summary>The features that differ most between pictures of the two answers; at least one of each.</summary>
    public static TraitSwitch Find(PaintedSet painted, PictureTrait trait, int from, int to)
    {
        IReadOnlyList<FeatureContrast> all = FeatureContrast.Between(painted.Intervention, painted.Means, painted.With(trait, from), painted.With(trait, to));
        var chosen = all.Take(Most).ToList();
        if (chosen.All(feature => feature.Effect > 0)) chosen[^1] = all.First(feature => feature.Effect < 0);
        if (chosen.All(feature => feature.Effect < 0)) chosen[^1] = all.First(feature => feature.Effect > 0);
        return new TraitSwitch(trait, from, to, chosen);
    }

    /// <summary>The intervention on pictures that were painted without it.</summary>
    /// <param name="intervention">The coders.</param>
    /// <param name="original">The same pictures without a change.</param>
    /// <param name="units">Each feature's mean activation where it fires.</param>
    /// <param name="strength">1: old features off, new ones as strong as they usually are.</param>
    public InterventionOptions Edits(PictureIntervention intervention, Generation original, IReadOnlyDictionary<HookSite, FeatureStatistics> units, double strength) => new()
    {
        Edits = [.. Changes(intervention, original, units, strength).Select(change => new PictureEdit(change.Feature.Site, change.Feature.Effect < 0
            ? new FeatureEdit(change.Feature.Feature, FeatureAction.Scale, 1 - strength)
            : new FeatureEdit(change.Feature.Feature, FeatureAction.Set) { Values = change.Values }))],
    };

    /// <summary>As many features drawn at random from the same blocks, adding vectors of the same lengths to the same cells.</summary>
    public InterventionOptions Control(PictureIntervention intervention, Generation original, IReadOnlyDictionary<HookSite, FeatureStatistics> units, double strength, SceneRandom random) => new()
    {
        Edits = [.. Changes(intervention, original, units, strength).Select(change =>
        {
            int feature = Drawn(change.Feature.Site, units, random);
            float length = intervention.DirectionsOf(change.Feature.Site)[feature].norm().item<float>();
            return new PictureEdit(change.Feature.Site, new FeatureEdit(feature, FeatureAction.Add) { Values = [.. change.Values.Select(value => value * change.Feature.Length / length)] });
        })],
    };

    /// <summary>How much each feature changes at each cell of each picture, [pictures · cells].</summary>
    private IEnumerable<(FeatureContrast Feature, float[] Values)> Changes(
        PictureIntervention intervention, Generation original, IReadOnlyDictionary<HookSite, FeatureStatistics> units, double strength)
    {
        using var scope = NewDisposeScope();
        var maps = Features.Where(feature => feature.Effect < 0).ToDictionary(feature => feature, feature => intervention.MapOf(feature.Site, feature.Feature, original).mean([1]));
        Tensor where = maps.Select(pair => pair.Value * pair.Key.Length).Aggregate((sum, map) => sum + map);
        Tensor share = where / where.amax([1, 2], keepdim: true).clamp(1e-12, float.MaxValue);
        return [.. Features.Select(feature => (feature, (feature.Effect < 0
            ? maps[feature] * -strength
            : share * (strength * units[feature.Site].Mean[feature.Feature])).contiguous().data<float>().ToArray()))];
    }

    private int Drawn(HookSite site, IReadOnlyDictionary<HookSite, FeatureStatistics> units, SceneRandom random)
    {
        while (true)
        {
            int feature = random.NextBelow(units[site].Mean.Count);
            if (units[site].Mean[feature] > 0 && !Features.Any(chosen => chosen.Site == site && chosen.Feature == feature)) return feature;
        }
    }
}
