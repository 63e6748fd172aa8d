using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Whether a feature is worth steering with (Arad et al. 2025).</summary>
/// <param name="Feature">The feature.</param>
/// <param name="Input">The share of the examples that excite it whose answer is among the classes that its direction promotes; NaN where fewer than ten do.</param>
/// <param name="Output">
/// (1 − best rank among all classes / classes)·(highest probability), of the classes that its direction promotes, when it is driven on a neutral input: near 1 where it
/// decides the answer. Below 0.01 it is not worth steering with.
/// </param>
/// <param name="Promoted">The classes that its direction promotes, the most promoted first.</param>
public sealed record SteeringScore(int Feature, double Input, double Output, IReadOnlyList<int> Promoted);

/// <summary>How steering scores are taken; the defaults are those of the paper where it has them.</summary>
public sealed record SteeringOptions
{
    /// <summary>Classes that count as promoted; at most half of all.</summary>
    public int Promoted { get; init; } = 20;

    /// <summary>The highest activation is added so many times.</summary>
    public double Strength { get; init; } = 10;

    /// <summary>The most exciting examples that count.</summary>
    public int Examples { get; init; } = 100;

    /// <summary>Fewer exciting examples than this give no input score.</summary>
    public int Least { get; init; } = 10;

    /// <summary>Place and name checks of the coder.</summary>
    public SpliceOptions Splice { get; init; } = SpliceOptions.Default;
}

/// <summary>
/// Input and output scores of features: those that detect something are often not those that cause it, and a cheap causal test tells which steer. Promoted classes are
/// read from the weights (<see cref="FeatureLogits"/>); for pictures the neutral input is an even grey.
/// </summary>
public static class SteeringScores
{
    /// <summary>Scores features.</summary>
    /// <param name="model">A model that ends in a linear head on its stream.</param>
    /// <param name="coder">A coder of that stream. Borrowed.</param>
    /// <param name="batches">Examples that may excite the features. Borrowed one after another.</param>
    /// <param name="neutral">One example that says nothing. Borrowed.</param>
    /// <param name="features">The features.</param>
    /// <param name="options">Null: the defaults.</param>
    public static IReadOnlyList<SteeringScore> Of(HookedModel model, ISparseCoder coder, IEnumerable<ModelInput> batches, ModelInput neutral, IReadOnlyList<int> features, SteeringOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(batches);
        ArgumentNullException.ThrowIfNull(features);
        options ??= new SteeringOptions();
        if (features.FirstOrDefault(feature => feature < 0 || feature >= coder.Card.Features, -1) is >= 0 and var wrong)
            throw new OptionsException($"There is no feature {wrong} in {coder.Card.Name}: it has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var weights = FeatureLogits.Of(coder, model);
        var count = (int)Math.Clamp(options.Promoted, 1, Math.Max(1, weights.shape[1] / 2));
        var (highest, answers) = Excitement(model, coder, batches, options.Splice);
        return [.. features.Select(feature =>
        {
            using var inner = NewDisposeScope();
            int[] promoted = [.. weights[feature].topk(count).indexes.data<long>().ToArray().Select(index => (int)index)];
            var excited = highest.Select((values, example) => (Value: values[feature], Answer: answers[example])).Where(one => one.Value > 0).OrderByDescending(one => one.Value).Take(options.Examples).ToList();
            var input = excited.Count < options.Least ? double.NaN : excited.Average(one => promoted.Contains(one.Answer) ? 1.0 : 0);
            var most = highest.Max(values => values[feature]);
            return new SteeringScore(feature, input, Output(model, coder, neutral, new FeatureEdit(feature, FeatureAction.Add, options.Strength * most), promoted, options.Splice), promoted);
        })];
    }

    // Each example's highest activation of every feature, and the class it was given.
    private static (List<float[]> Highest, List<int> Answers) Excitement(HookedModel model, ISparseCoder coder, IEnumerable<ModelInput> batches, SpliceOptions splice)
    {
        var (highest, answers) = (new List<float[]>(), new List<int>());
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            var placement = CoderPlacement.Of(coder, model, batch, splice);
            using var recording = model.Run(batch, HookPlan.Empty.Keep(placement.Reads));
            var own = placement.Own(recording.Cache[placement.Reads]);
            using var codes = coder.Encode(own);
            var peaks = Numbers.Of(codes.ToDense().view(own.shape[0], -1, coder.Card.Features).amax(1));
            highest.AddRange(peaks.Chunk(coder.Card.Features));
            answers.AddRange(Target.LogitsOf(recording).argmax(1).data<long>().ToArray().Select(index => (int)index));
        }
        if (highest.Count == 0) throw new OptionsException("Steering scores need examples that may excite the features.");
        return (highest, answers);
    }

    private static double Output(HookedModel model, ISparseCoder coder, ModelInput neutral, FeatureEdit edit, int[] promoted, SpliceOptions splice)
    {
        using var recording = model.Run(neutral, Sae.Splice.Into(HookPlan.Empty, coder, model, neutral, splice with { Edits = [edit] }));
        var probabilities = Numbers.Of(Target.LogitsOf(recording)[0].softmax(-1));
        var best = promoted.Max(index => probabilities[index]);
        var rank = promoted.Min(index => probabilities.Count(other => other > probabilities[index]));
        return (1 - (double)rank / probabilities.Length) * best;
    }
}
