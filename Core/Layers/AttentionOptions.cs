namespace Prisma.Core;

/// <summary>The form of an attention module.</summary>
public sealed record AttentionOptions
{
    /// <summary>d_model.</summary>
    public required long Width { get; init; }

    /// <summary>The number of (query) heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads, each shared by Heads / KeyHeads query heads (Ainslie et al. 2023); Heads where null.</summary>
    public int? KeyHeads { get; init; }

    /// <summary>d_head; d_model / Heads where null.</summary>
    public long? HeadWidth { get; init; }

    /// <summary>Whether tokens see only themselves and those before.</summary>
    public bool Causal { get; init; }

    /// <summary>How many tokens back a causal token sees, itself included; all where null.</summary>
    public int? Window { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Whether the output has a bias.</summary>
    public bool OutBias { get; init; } = true;

    /// <summary>What scores are multiplied by; 1/√d_head where null.</summary>
    public double? Scale { get; init; }

    /// <summary>
    /// Where given, scores are the cosines of queries and keys times a factor for each head, whose logarithm is learned and at most this
    /// (Liu et al. 2022, Swin V2); <see cref="Scale"/> then counts for nothing.
    /// </summary>
    public double? CosineLimit { get; init; }

    /// <summary>c of c·tanh(score / c), which bounds scores before the mask; none where null.</summary>
    public double? SoftCap { get; init; }

    /// <summary>The norm of each query and each key over d_head, each with its own weights; none where null.</summary>
    public NormFactory? HeadNorm { get; init; }

    /// <summary>What turns queries and keys by their position; none where null.</summary>
    public Rotary? Rotary { get; init; }

    /// <summary>The kinds of place; those of a block's only attention unless said otherwise.</summary>
    public AttentionPlaces Places { get; init; } = AttentionPlaces.Main;

    /// <summary>What is added to the scores by the tokens' positions; none where null. One instance per module.</summary>
    public ScoreBias? ScoreBias { get; init; }

    /// <summary>The norm of what all heads together read, before the output matrix (Magneto's sub-norm); none where null.</summary>
    public NormFactory? InnerNorm { get; init; }
}
