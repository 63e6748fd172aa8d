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
        using var scope = NewDisposeScope();
        return Follow(model, pixels, pixels, pixels.zeros_like(), map, target, steps, batch);
    }

    /// <summary>Puts patches back into a blurred picture; parameters as for <see cref="Deletion"/>.</summary>
    public static PerturbationCurve Insertion(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int steps = 64, int batch = 32)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var scope = NewDisposeScope();
        return Follow(model, pixels, Fill.Blurred(pixels, BlurSigma, BlurRadius), pixels, map, target, steps, batch);
    }

    private static PerturbationCurve Follow(HookedModel model, Tensor pixels, Tensor from, Tensor to, Heatmap map, Target? target, int steps, int batch)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(map);
        if (pixels.dim() != 4 || pixels.shape[0] != 1) throw new ShapeException($"A curve follows one picture [1, C, H, W]; got [{string.Join(", ", pixels.shape)}].");
        if (steps < 1 || batch < 1) throw new OptionsException($"Curves need at least one step and a batch of at least one; got {steps} and {batch}.");
        if (map.Layout.Frames != 1) throw new NotApplicableException("Deletion and insertion work on single pictures, not on videos.");
        var task = new AttributionTask("Curves", model, pixels, (target ?? new ChosenClass(model.Card.Labels)).ForCurves, new AttributionOptions { Batch = batch });
        var settled = task.Settle()[0].Target;
        var order = Order(map);
        var count = Math.Min(steps, order.Length);
        var scores = task.Scores(settled, count + 1, (first, number) =>
        {
            using var scope = NewDisposeScope();
            var masks = new float[number * order.Length];
            for (var k = 0; k < number; k++)
                foreach (var place in order.AsSpan(0, (int)((long)(first + k) * order.Length / count))) masks[k * order.Length + place] = 1;
            var changed = PatchSums.Spread(tensor(masks, [number, order.Length]).to(pixels.dtype, pixels.device), map.Layout, pixels.shape[2], pixels.shape[3]);
            return (from + (to - from) * changed).MoveToOuterDisposeScope();
        });
        return new PerturbationCurve(scores);
    }

    // Most important first; of equal values, the earlier place.
    private static int[] Order(Heatmap map)
    {
        var values = map.Values.ToArray();
        return [.. Enumerable.Range(0, values.Length).OrderByDescending(place => values[place]).ThenBy(place => place)];
    }
}
