using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What single heads do by their weights alone (Elhage et al. 2021): OV, what is written for what is attended to, and QK, which pairs
/// attend. Norms are not folded in here; fold them into the weights first where their gains matter.
/// </summary>
public static class HeadCircuits
{
    /// <summary>W_V·W_O of a head, [d, d] of rank k. The caller disposes it.</summary>
    /// <exception cref="NotApplicableException">A norm stands between what heads read and what they write.</exception>
    public static FactoredMatrix Ov(Attention attention, int head)
    {
        Check(attention, head);
        CheckLinear(attention);
        using var scope = NewDisposeScope();
        return new FactoredMatrix(Rows(attention, attention.Heads + attention.KeyHeads + KeyHead(attention, head)).t().contiguous(), attention.OutputPerHead[head].contiguous());
    }

    /// <summary>W_Q·W_Kᵀ of a head, [d, d] of rank k. The caller disposes it.</summary>
    public static FactoredMatrix Qk(Attention attention, int head)
    {
        Check(attention, head);
        using var scope = NewDisposeScope();
        return new FactoredMatrix(Rows(attention, head).t().contiguous(), Rows(attention, attention.Heads + KeyHead(attention, head)).contiguous());
    }

    // [k, d]: the rows of the fused matrix that belong to one head's q, k or v.
    private static Tensor Rows(Attention attention, int block) => attention.Qkv.Matrix.Value.narrow(0, block * attention.HeadWidth, attention.HeadWidth);

    private static int KeyHead(Attention attention, int head) => head / (attention.Heads / attention.KeyHeads);

    internal static void CheckLinear(Attention attention)
    {
        if (attention.InnerNorm is not null) throw new NotApplicableException("Heads of this model are normalised together before they write, so a head alone has no fixed map from what it sees to what it writes.");
    }

    private static void Check(Attention attention, int head)
    {
        ArgumentNullException.ThrowIfNull(attention);
        if (head < 0 || head >= attention.Heads) throw new OptionsException($"There is no head {head}; the block has {attention.Heads} (0 to {attention.Heads - 1}).");
    }
}
