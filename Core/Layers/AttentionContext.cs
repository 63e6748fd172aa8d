using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>What all attention modules of one pass share beside the stream. Borrows its tensors.</summary>
public sealed record AttentionContext
{
    /// <summary>Nothing special: every token visible, positions counted from 0, no memory.</summary>
    public static AttentionContext Plain { get; } = new();

    /// <summary>Which tokens may be looked at, bool [B, keys] or, where tokens differ in it, [B, P, keys], those in memory included; all where null.</summary>
    public Tensor? Visible { get; init; }

    /// <summary>Positions of the tokens for rotations, [P] or [B, P]; counted on from <see cref="First"/> where null.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>What each rotation multiplies with in this pass, so that it is formed once and not in every block; formed on the spot where missing.</summary>
    public IReadOnlyDictionary<Rotary, (Tensor Cos, Tensor Sin)>? Turns { get; init; }

    /// <summary>What is added to every module's scores, anything that broadcasts to [B, H, P, keys]; nothing where null.</summary>
    public Tensor? ScoreBias { get; init; }

    /// <summary>How the tokens lie on the picture, for rotations and biases that depend on rows and columns; null where nothing asks.</summary>
    public TokenLayout? Layout { get; init; }

    /// <summary>Keys and values of earlier tokens; none where null.</summary>
    public KeyValueMemory? Memory { get; init; }

    /// <summary>The position of the pass's first token: the number of tokens in memory.</summary>
    public long First => Memory?.Tokens ?? 0;
}
