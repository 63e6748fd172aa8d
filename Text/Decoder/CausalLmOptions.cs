using Prisma.Core;

namespace Prisma.Text;

/// <summary>What stands around the blocks of a causal language model.</summary>
public sealed record CausalLmOptions
{
    /// <summary>One more than the greatest id.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of tokens that the model is made for.</summary>
    public required int Context { get; init; }

    /// <summary>The norm after the blocks.</summary>
    public required NormFactory Norm { get; init; }

    /// <summary>A learned table of positions is added to the embeddings; such a model cannot read beyond it.</summary>
    public bool PositionTable { get; init; }

    /// <summary>What embeddings are multiplied by before they enter the stream.</summary>
    public double EmbedScale { get; init; } = 1;

    /// <summary>The map to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Own;

    /// <summary>The number of logits; as many as ids where null.</summary>
    public int? Outputs { get; init; }

    /// <summary>Whether the map to the logits has a bias.</summary>
    public bool HeadBias { get; init; }

    /// <summary>c of c·tanh(logit / c); none where null.</summary>
    public double? LogitCap { get; init; }

    /// <summary>The rotations that the blocks use, each formed once per pass.</summary>
    public IReadOnlyList<TokenRotary> Rotaries { get; init; } = [];
}

/// <summary>What maps the stream to logits.</summary>
public enum LmHead
{
    /// <summary>A matrix of its own.</summary>
    Own,
    /// <summary>The token embeddings.</summary>
    Tied,
    /// <summary>Nothing: the normalised stream is the output.</summary>
    None,
}
