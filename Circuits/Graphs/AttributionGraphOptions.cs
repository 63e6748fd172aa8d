using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>What goes into an attribution graph.</summary>
public sealed record AttributionGraphOptions
{
    /// <summary>Sum each feature over the tokens: one node per block and feature. Null: where the model has more than 64 tokens.</summary>
    public bool? SumTokens { get; init; }

    /// <summary>The most features; those of estimated influence come first. Each costs one backward pass.</summary>
    public int MaxFeatures { get; init; } = 1024;

    /// <summary>After so many features the rest is ranked anew.</summary>
    public int RankEvery { get; init; } = 128;

    /// <summary>Classes: the most probable ones up to this cumulated probability …</summary>
    public double LogitShare { get; init; } = 0.95;

    /// <summary>… and at most so many.</summary>
    public int MaxLogits { get; init; } = 10;

    /// <summary>Told the number of backward passes done.</summary>
    public IProgress<int>? Progress { get; init; }

    /// <summary>Ends the work between two backward passes.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (MaxFeatures < 1 || RankEvery < 1 || MaxLogits < 1 || LogitShare is not (> 0 and <= 1))
            throw new OptionsException($"Attribution graph: {MaxFeatures} features, ranked every {RankEvery}, {MaxLogits} logits, share {LogitShare}; counts must be positive, the share in 0–1.");
    }
}
