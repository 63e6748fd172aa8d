using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How like the trained model's map a map is after weights were shuffled.</summary>
/// <param name="Shuffled">The last module that was shuffled; all nearer to the output were too.</param>
/// <param name="Correlation">Spearman's, mean over the pictures whose maps are not constant; NaN where all are.</param>
public sealed record RandomisationStep(string Shuffled, double Correlation);

/// <summary>
/// The sanity check of Adebayo et al. 2018: weights are shuffled from the output downwards, and a map that explains the model must change
/// with them. A method whose map survives shows the picture, not the model. Shuffling keeps every weight's distribution.
/// </summary>
public static class RandomisationCheck
{
    /// <summary>Runs a method on ever more of a model shuffled.</summary>
    /// <param name="open">Opens a fresh copy of the trained model; called once, and the copy is shuffled and disposed here.</param>
    /// <param name="method">The method.</param>
    /// <param name="input">The pictures.</param>
    /// <param name="target">A fixed target: a class, not the model's choice, which would change with the weights.</param>
    /// <param name="options">The method's options.</param>
    /// <param name="seed">Of the shuffling.</param>
    public static IReadOnlyList<RandomisationStep> Run(Func<HookedModel> open, AttributionMethod method, ModelInput input, Target target, AttributionOptions? options = null, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(method);
        using var model = open();
        using var generator = new Generator((ulong)seed);
        var trained = method.Explain(model, input, target, options);
        var steps = new List<RandomisationStep>();
        foreach (var group in model.Weights.GroupBy(weight => GroupOf(weight.Name)).Reverse().ToList())
        {
            foreach (var (_, weight) in group) Shuffle(weight, generator);
            var maps = method.Explain(model, input, target, options);
            double[] correlations = [.. trained.Zip(maps, (a, b) => RankCorrelation.Of(a.Heatmap.Values, b.Heatmap.Values)).Where(double.IsFinite)];
            steps.Add(new RandomisationStep(group.Key, correlations.Length > 0 ? correlations.Average() : double.NaN));
        }
        return steps;
    }

    // "blocks.3.attn.qkv.weight" belongs to "blocks.3", "head.bias" to "head", "vision.blocks.3.…" to "vision.blocks.3".
    private static string GroupOf(string name)
    {
        var words = name.Split('.');
        var number = Array.FindIndex(words, word => word.Length > 0 && word.All(char.IsAsciiDigit));
        return number >= 0 ? string.Join('.', words[..(number + 1)]) : words.Length > 1 ? string.Join('.', words[..^1]) : name;
    }

    private static void Shuffle(Weight weight, Generator generator)
    {
        using var scope = NewDisposeScope();
        var value = weight.Value;
        var order = randperm(value.numel(), int64, generator: generator).to(value.device);
        weight.Set(value.reshape(-1).index_select(0, order).view(value.shape));
    }
}
