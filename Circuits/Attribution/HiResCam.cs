using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>HiResCAM (Draelos and Carin 2020): map = Σ g·a over channels, signed. Sums to the target's change where the rest is linear in a.</summary>
public sealed class HiResCam : TokenActivationMap
{
    /// <inheritdoc/>
    public override string Name => "hires-cam";

    /// <inheritdoc/>
    public override string Summary => "gradient × value of the tokens entering a block's attention (HiResCAM)";

    /// <inheritdoc/>
    public override string Meaning => "what the patch's channels add to the target, to first order";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override Tensor Combine(Tensor a, Tensor g)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(g);
        using var scope = NewDisposeScope();
        return (g * a).sum(2L).MoveToOuterDisposeScope();
    }
}
