using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the MSAE architecture.</summary>
public sealed record MsaeOptions : SelectiveOptions
{
    /// <summary>The budgets of activity, rising; null takes k, 2·k, 4·k, … and all features.</summary>
    public IReadOnlyList<int>? Levels { get; init; }

    /// <summary>Whether the sparsest level weighs most (m, m − 1, …, 1); otherwise all weigh alike.</summary>
    public bool ReverseWeights { get; init; }

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (Levels is { } levels && (levels.Count == 0 || levels.Any(level => level < 1 || level > shape.Features) || levels.Zip(levels.Skip(1)).Any(pair => pair.First >= pair.Second)))
            faults.Add($"levels [{string.Join(", ", levels)}] must rise within 1 to {shape.Features}");
    }

    /// <summary>The budgets, rising.</summary>
    internal IReadOnlyList<int> Budgets(int features)
    {
        if (Levels is not null) return Levels;
        var budgets = new List<int>();
        for (var k = (int)K; k < features; k *= 2) budgets.Add(k);
        return [.. budgets, features];
    }
}

/// <summary>
/// The same features at several budgets of activity at once, so that one model serves every budget: Σ α·nmse(x, x̂_k) / Σ α. Run with all its
/// positive features. "Interpreting CLIP with Hierarchical Sparse Autoencoders" (Zaigrajew et al. 2025).
/// </summary>
[TrainedArchitecture("msae")]
public sealed class TrainedMsae(CoderShape shape, MsaeOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "standard";

    private protected override Tensor Select(Tensor ranked, StepInfo step) => ranked.relu();

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        // Every positive feature is kept: there is no sparse way.
        var dense = (DenseForward)forward;
        var budgets = options.Budgets(Shape.Features);
        double Alpha(int level) => options.ReverseWeights ? budgets.Count - level : 1;
        var total = Enumerable.Range(0, budgets.Count).Sum(Alpha);
        for (var level = 0; level < budgets.Count; level++)
        {
            var codes = budgets[level] == Shape.Features ? dense.Codes : Largest.OfRows(dense.Codes, budgets[level]);
            var guess = Complete(dense.Decode(codes) + Bias, forward.Normed, batch.Inputs);
            yield return new LossTerm($"level_{budgets[level]}", ReconstructionLoss.Fvu.Loss(guess, batch.Targets), Alpha(level) / total);
        }
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new StandardCoder(card, RankedWeights());
}
