using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>LayerCAM (Jiang et al. 2021): map = positive part of Σ max(g, 0)·a over channels.</summary>
public sealed class LayerCam : TokenActivationMap
{
    /// <inheritdoc/>
    public override string Name => "layer-cam";

    /// <inheritdoc/>
    public override string Summary => "LayerCAM on the tokens entering a block's attention";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels where they raise the target";

    /// <inheritdoc/>
    public override Tensor Combine(Tensor a, Tensor g)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(g);
        using var scope = NewDisposeScope();
        return (g.relu() * a).sum(2L).relu().MoveToOuterDisposeScope();
    }
}
