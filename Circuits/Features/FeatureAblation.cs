using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The effect of taking single features out of the stream: x − f·direction at every token of the coder, its error kept, the rest of the
/// model recomputed. One pass per feature; features that fire nowhere change nothing, bit for bit.
/// </summary>
public static class FeatureAblation
{
    /// <summary>Ablates each feature by itself.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch.</param>
    /// <param name="coder">The coder. Borrowed.</param>
    /// <param name="features">Which features.</param>
    /// <param name="target">Null: the class that the model chose on the unchanged picture.</param>
    /// <param name="options">Place and name checks; its edits come first and belong to both sides of the comparison.</param>
    /// <param name="progress">Told the number of features done.</param>
    /// <param name="stop">Ends the work between two features.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or there is no such feature.</exception>
    public static IReadOnlyList<FeatureEffect> Effects(HookedModel model, ModelInput input, ISparseCoder coder, IReadOnlyList<int> features,
        Target? target = null, SpliceOptions? options = null, IProgress<int>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(features);
        using var scope = NewDisposeScope();
        target ??= new ChosenClass(model.Card.Labels);
        options ??= SpliceOptions.Default;
        using var plain = model.Run(input, target.Ask(Splice.Into(HookPlan.Empty, coder, model, input, options)));
        var before = Numbers.Of(target.Of(plain));
        var settled = before.Select((_, k) => target.Settle(plain, k)).ToList();
        var effects = new List<FeatureEffect>();
        foreach (var feature in features)
        {
            stop.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var without = options with { Edits = [.. options.Edits, new FeatureEdit(feature, FeatureAction.Ablate)] };
            using var ablated = model.Run(input, target.Ask(Splice.Into(HookPlan.Empty, coder, model, input, without)));
            double[] drops = [.. settled.Select((one, k) => before[k] - (double)Numbers.Of(one.Of(ablated)[k])[0])];
            effects.Add(new FeatureEffect(feature, drops, LogitDrops(plain, ablated)));
            progress?.Report(effects.Count);
        }
        return effects;
    }

    private static float[][] LogitDrops(Recording plain, Recording ablated)
    {
        if (!plain.Outputs.TryGetValue("logits", out var before) || before.dim() != 2) return [];
        using var scope = NewDisposeScope();
        return [.. (before - ablated.Outputs["logits"]).unbind(0).Select(Numbers.Of)];
    }
}
