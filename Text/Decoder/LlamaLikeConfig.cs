using Prisma.Core;

namespace Prisma.Text;

/// <summary>What Llama and the families that took over its blocks have in common: gated MLPs, root-mean-square norms, grouped heads, rotary positions.</summary>
public sealed record LlamaLikeConfig
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
    public string Activation { get; init; } = "silu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>How many axes of each head turn with the position; all where null.</summary>
    public int? RotaryWidth { get; init; }

    /// <summary>Rotary frequencies.</summary>
    public RopeSettings Rope { get; init; } = RopeSettings.Plain();

    /// <summary>Whether q, k and v have biases.</summary>
    public bool Bias { get; init; }

    /// <summary>Whether attention's output has a bias.</summary>
    public bool OutBias { get; init; }

    /// <summary>Whether the MLP has biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether each query and key is normalised.</summary>
    public bool HeadNorm { get; init; }

    /// <summary>How many tokens back each block sees, itself included; everything where null or missing.</summary>
    public IReadOnlyList<int?> Windows { get; init; } = [];

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Own;
}
