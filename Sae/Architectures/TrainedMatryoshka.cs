using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the Matryoshka architecture.</summary>
public sealed record MatryoshkaOptions : SelectiveOptions
{
    /// <summary>What each nested dictionary adds to the one before, as shares of all features; the last takes what is left.</summary>
    public IReadOnlyList<double> Groups { get; init; } = [1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4, 17.0 / 32];

    /// <summary>Where the nested dictionaries end, as numbers of features, in place of <see cref="Groups"/>.</summary>
    public IReadOnlyList<int>? Widths { get; init; }

    /// <summary>Weight of each prefix's loss; null weighs all by 1.</summary>
    public IReadOnlyList<double>? Weights { get; init; }

    /// <summary>Whether the weighted losses are averaged rather than added (dictionary_learning).</summary>
    public bool Averages { get; init; }

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        var ends = Ends(shape.Features);
        if (ends.Count == 0 || ends[^1] != shape.Features || ends[0] < 1 || ends.Zip(ends.Skip(1)).Any(pair => pair.First >= pair.Second))
            faults.Add($"the prefixes end at {string.Join(", ", ends)}: they must rise and end at the number of features, {shape.Features}");
        if (Weights is { } weights && weights.Count != ends.Count) faults.Add($"{weights.Count} weights for {ends.Count} prefixes");
    }

    /// <summary>The number of features at which each prefix ends.</summary>
    internal IReadOnlyList<int> Ends(int features)
    {
        if (Widths is not null) return Widths;
        var (ends, end) = (new List<int>(), 0);
        foreach (var share in Groups.SkipLast(1)) ends.Add(end += (int)(share * features));
        return [.. ends, features];
    }
}

/// <summary>
/// BatchTopK whose prefixes each have to reconstruct alone, so that general features come first and are not absorbed. "Learning Multi-Level
/// Features with Matryoshka Sparse Autoencoders" (Bussmann et al. 2025).
/// </summary>
[TrainedArchitecture("matryoshka")]
public sealed class TrainedMatryoshka(CoderShape shape, MatryoshkaOptions options, long seed) : BatchwiseCoder(shape, options, seed)
{
    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        var ends = options.Ends(Shape.Features);
        var share = options.Averages ? 1.0 / ends.Count : 1;
        var (decoded, k) = (Bias.expand(batch.Inputs.shape[0], Shape.OutputWidth), 0);
        foreach (var written in forward.WrittenByGroup(ends))
        {
            decoded = decoded + written;
            forward.Prediction = Complete(decoded, forward.Normed, batch.Inputs);
            var distance = Distance(forward.Prediction, batch.Targets);
            yield return new LossTerm(
                k == ends.Count - 1 ? "reconstruction" : $"prefix_{ends[k]}", options.Weights is { } weights ? distance * weights[k] : distance, share);
            k++;
        }
    }
}
