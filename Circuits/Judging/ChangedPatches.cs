using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One picture of which some patches are changed, asked the same question again and again.</summary>
internal sealed class ChangedPatches
{
    private readonly AttributionTask _task;
    private readonly Target _target;
    private readonly TokenLayout _layout;

    /// <param name="what">Who asks, for messages.</param>
    /// <param name="model">The model.</param>
    /// <param name="pixels">One picture [1, C, H, W]. Borrowed.</param>
    /// <param name="map">Its map.</param>
    /// <param name="target">What is followed.</param>
    /// <param name="batch">Pictures in one pass.</param>
    internal ChangedPatches(string what, HookedModel model, Tensor pixels, Heatmap map, Target target, int batch)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(map);
        if (pixels.dim() != 4 || pixels.shape[0] != 1) throw new ShapeException($"{what} follow one picture [1, C, H, W]; got [{string.Join(", ", pixels.shape)}].");
        if (batch < 1) throw new OptionsException($"{what} need a batch of at least one; got {batch}.");
        if (map.Layout.Frames != 1) throw new NotApplicableException($"{what} work on single pictures, not on videos.");
        _task = new AttributionTask(what, model, pixels, target, new AttributionOptions { Batch = batch });
        (_layout, (_target, Plain)) = (map.Layout, _task.Settle()[0]);
        Values = map.Values.ToArray();
        // Of equal values, the earlier place.
        Order = [.. Enumerable.Range(0, Values.Length).OrderByDescending(place => Values[place]).ThenBy(place => place)];
    }

    /// <summary>The answer on the picture as it is.</summary>
    internal double Plain { get; }

    /// <summary>The map's values by place.</summary>
    internal float[] Values { get; }

    /// <summary>Places, the most important first.</summary>
    internal int[] Order { get; }

    /// <summary>The answers on changed copies.</summary>
    /// <param name="copies">How many.</param>
    /// <param name="changed">The changed places of a copy.</param>
    /// <param name="make">From masks [n, 1, H, W], 1 on changed patches, to pictures [n, C, H, W].</param>
    internal double[] Scores(int copies, Func<int, IEnumerable<int>> changed, Func<Tensor, Tensor> make) => _task.Scores(_target, copies, (first, count) =>
    {
        using var scope = NewDisposeScope();
        var masks = new float[count * Order.Length];
        for (var k = 0; k < count; k++)
            foreach (var place in changed(first + k)) masks[k * Order.Length + place] = 1;
        var pixels = _task.Pixels;
        var spread = PatchSums.Spread(tensor(masks, [count, Order.Length]).to(pixels.dtype, pixels.device), _layout, pixels.shape[2], pixels.shape[3]);
        return make(spread).MoveToOuterDisposeScope();
    });
}
