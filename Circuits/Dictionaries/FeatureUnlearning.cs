using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What clamping features did to what should be forgotten and to the rest.</summary>
/// <param name="Features">The features that were clamped.</param>
/// <param name="Forget">The accuracy on what should be forgotten, before and after.</param>
/// <param name="Retain">The accuracy on the rest, before and after.</param>
public sealed record UnlearningScore(IReadOnlyList<int> Features, (double Before, double After) Forget, (double Before, double After) Retain);

/// <summary>
/// Unlearning by clamping (Farrell et al. 2024): features that fire on what should be forgotten and hardly elsewhere are set to a negative value wherever they
/// fire. Setting them to 0 is known not to do.
/// </summary>
public static class FeatureUnlearning
{
    /// <summary>The features to clamp: seldom on the rest, most often on what should be forgotten first.</summary>
    /// <param name="forget">On which share of tokens each feature fires there, [F].</param>
    /// <param name="retain">The same on the rest, [F].</param>
    /// <param name="most">What a feature may fire on the rest; 0.01 as published.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="OptionsException">Sizes differ.</exception>
    public static IReadOnlyList<int> Choose(IReadOnlyList<double> forget, IReadOnlyList<double> retain, double most = 0.01, int count = 10)
    {
        ArgumentNullException.ThrowIfNull(forget);
        ArgumentNullException.ThrowIfNull(retain);
        if (forget.Count != retain.Count) throw new OptionsException($"Unlearning: {forget.Count} and {retain.Count} features were counted; both must be of one coder.");
        return [.. Enumerable.Range(0, forget.Count).Where(k => retain[k] <= most && forget[k] > 0).OrderByDescending(k => forget[k]).ThenBy(k => k).Take(count)];
    }

    /// <summary>On which share of the coder's tokens each feature fires, [F].</summary>
    public static IReadOnlyList<double> Densities(HookedModel model, ISparseCoder coder, ModelInput input, SpliceOptions? splice = null)
    {
        using var scope = NewDisposeScope();
        using var reading = FeatureReading.Read(model, input, coder, splice);
        return [.. reading.Codes.ActivePerFeature().data<long>().ToArray().Select(count => (double)count / reading.Codes.Rows)];
    }

    /// <summary>Measures what clamping does.</summary>
    /// <param name="model">A classifier.</param>
    /// <param name="coder">The features' coder. Borrowed.</param>
    /// <param name="features">Which are clamped.</param>
    /// <param name="value">To what, where they fire; negative. 0 ablates them.</param>
    /// <param name="forget">Examples of what should be forgotten, with the right classes.</param>
    /// <param name="retain">Others.</param>
    /// <param name="splice">Place and name checks.</param>
    public static UnlearningScore Measure(HookedModel model, ISparseCoder coder, IReadOnlyList<int> features, double value, (ModelInput Input, IReadOnlyList<int> Labels) forget, (ModelInput Input, IReadOnlyList<int> Labels) retain, SpliceOptions? splice = null)
    {
        (double Before, double After) Both((ModelInput Input, IReadOnlyList<int> Labels) set) =>
            (Accuracy(model, coder, [], value, set.Input, set.Labels, splice), Accuracy(model, coder, features, value, set.Input, set.Labels, splice));
        return new UnlearningScore(features, Both(forget), Both(retain));
    }

    /// <summary>The share of examples whose class the model still chooses with features clamped; none: as it is.</summary>
    /// <param name="model">A classifier.</param>
    /// <param name="coder">The features' coder. Borrowed.</param>
    /// <param name="features">Which are clamped.</param>
    /// <param name="value">To what, where they fire.</param>
    /// <param name="input">The examples. Borrowed.</param>
    /// <param name="labels">Their right classes.</param>
    /// <param name="splice">Place and name checks.</param>
    /// <exception cref="ShapeException">As many labels as examples are needed.</exception>
    public static double Accuracy(HookedModel model, ISparseCoder coder, IReadOnlyList<int> features, double value, ModelInput input, IReadOnlyList<int> labels, SpliceOptions? splice = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var options = (splice ?? SpliceOptions.Default) with { Edits = [.. features.Select(feature => new FeatureEdit(feature, FeatureAction.Clamp, value))] };
        using var recording = model.Run(input, features.Count > 0 ? Splice.Into(HookPlan.Empty, coder, model, input, options) : HookPlan.Empty);
        var answers = Target.LogitsOf(recording).argmax(1).data<long>().ToArray();
        if (answers.Length != labels.Count) throw new ShapeException($"Unlearning: {answers.Length} examples and {labels.Count} labels were given.");
        return answers.Zip(labels, (answer, label) => answer == label ? 1.0 : 0).Average();
    }
}
