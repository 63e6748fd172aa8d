using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// A few features that turn one answer to a trait into another while a picture is painted: they become what they would be, cell by cell and
/// step by step, for the caption with the other answer. Nothing else of a block is touched.
/// </summary>
/// <param name="Features">The features, those that differ most first.</param>
internal sealed record TraitSwitch(IReadOnlyList<FeatureContrast> Features)
{
    /// <summary>The greatest number of features.</summary>
    public const int Most = 5;

    /// <summary>How far they go. So few features are not all that says a word; pushed half as far again they make up for the rest. Chosen on captions of their own.</summary>
    public const double Strength = 1.5;

    /// <summary>The features that differ most between two pictures from the same noise.</summary>
    /// <param name="intervention">The coders.</param>
    /// <param name="original">The picture of the caption.</param>
    /// <param name="other">The picture of the caption with the new answer.</param>
    public static TraitSwitch Find(PictureIntervention intervention, Generation original, Generation other)
    {
        using var scope = NewDisposeScope();
        var means = intervention.Sites.ToDictionary(site => site, site => cat([intervention.MeansOf(site, original), intervention.MeansOf(site, other)]));
        return new TraitSwitch([.. FeatureContrast.Between(intervention, means, [0], [1]).Take(Most)]);
    }

    /// <summary>The switch.</summary>
    /// <param name="caption">The caption with the new answer.</param>
    public InterventionOptions Changes(string caption) => new()
    {
        Sources = [caption],
        TransplantStrength = Strength,
        Transplants = [.. Features.Select(feature => (feature.Site, feature.Feature))],
    };

    /// <summary>As many features drawn at random from the same blocks that add to the same cells what is as long as the switch's changes, averaged over the steps.</summary>
    /// <param name="intervention">The coders.</param>
    /// <param name="units">How features usually fire: those that never do are not drawn.</param>
    /// <param name="original">The picture without a change.</param>
    /// <param name="other">The picture of the caption with the new answer.</param>
    /// <param name="random">What to draw with.</param>
    public InterventionOptions Control(PictureIntervention intervention, IReadOnlyDictionary<HookSite, FeatureStatistics> units, Generation original, Generation other, SceneRandom random)
    {
        using var scope = NewDisposeScope();
        return new InterventionOptions
        {
            Edits = [.. Features.Select(feature =>
            {
                int drawn = Drawn(feature.Site, units[feature.Site], random);
                Tensor change = (intervention.MapOf(feature.Site, feature.Feature, other) - intervention.MapOf(feature.Site, feature.Feature, original)).abs().mean([1]);
                Tensor scaled = change * ((float)Strength * feature.Length / intervention.DirectionsOf(feature.Site)[drawn].norm().item<float>());
                return new PictureEdit(feature.Site, new FeatureEdit(drawn, FeatureAction.Add) { Values = scaled.contiguous().data<float>().ToArray() });
            })],
        };
    }

    private int Drawn(HookSite site, FeatureStatistics units, SceneRandom random)
    {
        while (true)
        {
            int feature = random.NextBelow(units.Mean.Count);
            if (units.Mean[feature] > 0 && !Features.Any(chosen => chosen.Site == site && chosen.Feature == feature)) return feature;
        }
    }
}
