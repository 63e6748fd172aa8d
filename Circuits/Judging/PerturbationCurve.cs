using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Deletion and insertion (Petsiuk et al. 2018) by patches: patches are removed from the most to the least important, or put back into a
/// blurred picture in the same order, and the target's probability is followed. A good map has a low deletion area and a high insertion area.
/// </summary>
/// <param name="Scores">The target after each step, first before any.</param>
public sealed record PerturbationCurve(IReadOnlyList<double> Scores)
{
    // The original's blur: kernel 11, σ 5.
    private const double BlurSigma = 5;
    private const int BlurRadius = 5;

    /// <summary>The area under the curve over the share of patches, by trapezoids: a constant curve has its own height.</summary>
    public double Area => Scores.Count < 2 ? Scores[0] : (Scores.Sum() - Scores[0] / 2 - Scores[^1] / 2) / (Scores.Count - 1);

    /// <summary>Removes patches (zero after normalisation).</summary>
    /// <param name="model">The model.</param>
    /// <param name="pixels">One picture [1, C, H, W]. Borrowed.</param>
    /// <param name="map">Its map.</param>
    /// <param name="target">Null: the class that the model chose. Logits are followed as probabilities.</param>
    /// <param name="steps">At most this many steps.</param>
    /// <param name="batch">Pictures in one pass.</param>
    public static PerturbationCurve Deletion(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int steps = 64, int batch = 32)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        return Follow(model, pixels, map, target, steps, batch, removed => pixels - pixels * removed);
    }

    /// <summary>Puts patches back into a blurred picture; parameters as for <see cref="Deletion"/>.</summary>
    public static PerturbationCurve Insertion(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int steps = 64, int batch = 32)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var scope = NewDisposeScope();
        var blurred = Fill.Blurred(pixels, BlurSigma, BlurRadius);
        return Follow(model, pixels, map, target, steps, batch, shown => blurred + (pixels - blurred) * shown);
    }

    /// <summary>
    /// ROAD (Rong et al. 2022): removes patches and makes their pixels up from what lies around them, with a little noise, so that the shape of
    /// the hole gives nothing away; parameters as for <see cref="Deletion"/>.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="pixels">One picture [1, C, H, W]. Borrowed.</param>
    /// <param name="map">Its map.</param>
    /// <param name="target">Null: the class that the model chose. Logits are followed as probabilities.</param>
    /// <param name="steps">At most this many steps.</param>
    /// <param name="batch">Pictures in one pass.</param>
    /// <param name="seed">Of the noise.</param>
    public static PerturbationCurve Road(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int steps = 64, int batch = 32, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        var noise = randn([.. pixels.shape], generator: generator).to(pixels.dtype, pixels.device);
        return Follow(model, pixels, map, target, steps, batch, removed => NeighbourFill.Of(pixels, removed, noise));
    }

    private static PerturbationCurve Follow(HookedModel model, Tensor pixels, Heatmap map, Target? target, int steps, int batch, Func<Tensor, Tensor> make)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (steps < 1) throw new OptionsException($"Curves need at least one step; got {steps}.");
        var patches = new ChangedPatches("Curves", model, pixels, map, (target ?? new ChosenClass(model.Card.Labels)).ForCurves, batch);
        var (order, count) = (patches.Order, Math.Min(steps, patches.Order.Length));
        return new PerturbationCurve(patches.Scores(count + 1, k => order.Take((int)((long)k * order.Length / count)), make));
    }
}
