using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>A feature that tells two sets of painted pictures apart.</summary>
/// <param name="Site">The place that its coder reads.</param>
/// <param name="Feature">Its number.</param>
/// <param name="From">Its mean activation in the first set.</param>
/// <param name="To">Its mean activation in the second.</param>
/// <param name="Length">The length of what it adds to the place at activation 1.</param>
public sealed record FeatureContrast(HookSite Site, int Feature, float From, float To, float Length)
{
    /// <summary>By how much its share of the block's update differs: above 0 for features of the second set.</summary>
    public float Effect => (To - From) * Length;

    /// <summary>The features that differ most between two sets of pictures, over all blocks that have a coder: the largest differences of what they add first.</summary>
    /// <param name="intervention">The coders.</param>
    /// <param name="means">Each picture's mean activations at each place, as <see cref="PictureIntervention.MeansOf"/> gives them: [B, F]. Borrowed.</param>
    /// <param name="from">The first set's pictures, by number.</param>
    /// <param name="to">The second set's.</param>
    /// <exception cref="OptionsException">A set is empty.</exception>
    public static IReadOnlyList<FeatureContrast> Between(PictureIntervention intervention, IReadOnlyDictionary<HookSite, Tensor> means, IReadOnlyList<int> from, IReadOnlyList<int> to)
    {
        ArgumentNullException.ThrowIfNull(intervention);
        ArgumentNullException.ThrowIfNull(means);
        if (from.Count == 0 || to.Count == 0) throw new OptionsException("Two sets of pictures are needed to compare; one is empty.");
        using var scope = NewDisposeScope();
        return [.. means.SelectMany(pair =>
        {
            float[] first = Mean(pair.Value, from), second = Mean(pair.Value, to), lengths = intervention.DirectionsOf(pair.Key).norm(1).data<float>().ToArray();
            return first.Select((value, feature) => new FeatureContrast(pair.Key, feature, value, second[feature], lengths[feature]));
        }).Where(feature => feature.Effect != 0).OrderByDescending(feature => Math.Abs(feature.Effect))];
    }

    private static float[] Mean(Tensor means, IReadOnlyList<int> pictures) =>
        means.index_select(0, tensor(pictures.Select(picture => (long)picture).ToArray())).mean([0]).data<float>().ToArray();
}
