namespace Prisma.Text;

/// <summary>What Gemma's generations have in common: embeddings scaled by √d, gains stored less one, tied embeddings, gated MLPs.</summary>
public sealed record GemmaLikeConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>d_head.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>d_mlp.</summary>
    public required int Hidden { get; init; }

    /// <summary>One more than the greatest id.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The number of tokens that it was trained on.</summary>
    public required int Context { get; init; }

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu_pytorch_tanh";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Rotary frequencies of blocks that see everything.</summary>
    public RopeSettings Rope { get; init; } = RopeSettings.Plain();

    /// <summary>Rotary frequencies of blocks that see a window; those of the others where null.</summary>
    public RopeSettings? WindowRope { get; init; }

    /// <summary>Whether attention has biases.</summary>
    public bool Bias { get; init; }

    /// <summary>What scores are divided by the root of; d_head where null.</summary>
    public int? ScoreWidth { get; init; }

    /// <summary>c of c·tanh(score / c); none where null.</summary>
    public double? ScoreCap { get; init; }

    /// <summary>c of c·tanh(logit / c); none where null.</summary>
    public double? LogitCap { get; init; }

    /// <summary>Whether each query and key is normalised.</summary>
    public bool HeadNorm { get; init; }

    /// <summary>Whether what the branches add is normalised.</summary>
    public bool PostNorms { get; init; }

    /// <summary>How many tokens back each block sees, itself included; everything where null or missing.</summary>
    public IReadOnlyList<int?> Windows { get; init; } = [];

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Tied;
}
