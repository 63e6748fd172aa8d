using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Which pairs of a head's axes are turned together.</summary>
public enum RotaryPairs
{
    /// <summary>Axis j with axis j + width/2 (GPT-NeoX, Llama).</summary>
    Halves,
    /// <summary>Axis 2j with axis 2j + 1 (GPT-J, EVA).</summary>
    Neighbours,
}

/// <summary>
/// Rotary positions (Su et al. 2021): queries and keys are turned by angles that grow with their position, so that scores depend on
/// differences of positions. A family says which angles.
/// </summary>
public abstract class Rotary
{
    /// <summary>Which axes form a pair, where a pass's <see cref="AttentionContext.Turns"/> say all else; null where they do not.</summary>
    public virtual RotaryPairs? Pairs => null;

    /// <summary>Turns queries or keys.</summary>
    /// <param name="x">[B, P, H, k].</param>
    /// <param name="context">Positions of the tokens.</param>
    /// <returns>[B, P, H, k].</returns>
    public abstract Tensor Rotate(Tensor x, AttentionContext context);

    /// <summary>x·cos + turned(x)·sin on the first axes of each head, as many as the tables have; the rest stays.</summary>
    /// <param name="x">[B, P, H, k].</param>
    /// <param name="cos">[P, r] or [B, P, r], r ≤ k: the cosine for every axis.</param>
    /// <param name="sin">As <paramref name="cos"/>.</param>
    /// <param name="pairs">Which axes form a pair.</param>
    protected static Tensor Turn(Tensor x, Tensor cos, Tensor sin, RotaryPairs pairs)
    {
        using var scope = NewDisposeScope();
        var turned = cos.shape[^1];
        var (head, rest) = (x.narrow(-1, 0, turned), x.shape[^1] - turned);
        var other = pairs == RotaryPairs.Halves
            ? cat([-head.narrow(-1, turned / 2, turned / 2), head.narrow(-1, 0, turned / 2)], -1)
            : Neighbours(head);
        var result = head * cos.unsqueeze(-2) + other * sin.unsqueeze(-2);
        return (rest == 0 ? result : cat([result, x.narrow(-1, turned, rest)], -1)).MoveToOuterDisposeScope();
    }

    private static Tensor Neighbours(Tensor x)
    {
        var pairs = x.reshape([.. x.shape[..^1], x.shape[^1] / 2, 2]);
        return stack([-pairs.select(-1, 1), pairs.select(-1, 0)], -1).view(x.shape);
    }
}
