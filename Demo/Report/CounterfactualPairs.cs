using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// Scenes whose marked object has one shape, beside the same scenes with another shape in its place: colours, texture, place and everything else stay. Only pairs of which the
/// model names both shapes right. Owns its tensors.
/// </summary>
public sealed class CounterfactualPairs : IDisposable
{
    private CounterfactualPairs(Tensor clean, Tensor corrupt) => (Clean, Corrupt) = (clean, corrupt);

    /// <summary>The scenes as they are, [n, 3, 64, 64]. Borrowed.</summary>
    public Tensor Clean { get; }

    /// <summary>With the other shape. Borrowed.</summary>
    public Tensor Corrupt { get; }

    /// <summary>Draws pairs.</summary>
    /// <param name="model">The demo's vision transformer.</param>
    /// <param name="split">From which scenes.</param>
    /// <param name="count">How many pairs.</param>
    /// <param name="shape">The shape of the scenes as they are.</param>
    /// <param name="other">The shape put in its place.</param>
    /// <exception cref="OptionsException">The shapes are the same, or the model gets too few pairs right.</exception>
    public static CounterfactualPairs Draw(HookedModel model, SceneSplit split, int count, ShapeKind shape, ShapeKind other)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (shape == other || count < 1) throw new OptionsException($"Counterfactual pairs need two shapes and at least one pair; got {shape}, {other} and {count}.");
        using var scope = NewDisposeScope();
        var (clean, corrupt) = (new List<Tensor>(), new List<Tensor>());
        for (long at = 0; clean.Count < count; at++)
        {
            if (at > 200L * count) throw new OptionsException($"The model names too few scenes with {shape} and {other} right: {clean.Count} of {count} pairs after {at} scenes.");
            var scene = SceneGenerator.Draw(split.Seed(at));
            if (scene.Label != shape) continue;
            var swapped = scene with { Objects = [.. scene.Objects.Select(item => item.Marked ? item with { Shape = other } : item)] };
            using var inner = NewDisposeScope();
            var pair = stack([Pixels(scene), Pixels(swapped)]);
            var answers = model.Run(pair).argmax(1).data<long>().ToArray();
            if (answers[0] != (long)shape || answers[1] != (long)other) continue;
            clean.Add(pair[0].MoveToOtherDisposeScope(scope));
            corrupt.Add(pair[1].MoveToOtherDisposeScope(scope));
        }
        return new CounterfactualPairs(stack(clean).DetachFromDisposeScope(), stack(corrupt).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clean.Dispose();
        Corrupt.Dispose();
    }

    private static Tensor Pixels(Scene scene)
    {
        var values = new float[3 * Scene.Width * Scene.Width];
        SceneBatch.Normalise(ScenePainter.Paint(scene), values);
        return tensor(values, [3, Scene.Width, Scene.Width]);
    }
}
