using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>XGrad-CAM (Fu et al. 2020): w = Σ g·a / (Σ a + 1e-7) over patches, map = positive part of Σ w·a.</summary>
public sealed class XGradCam : TokenActivationMap
{
    /// <inheritdoc/>
    public override string Name => "xgrad-cam";

    /// <inheritdoc/>
    public override string Summary => "XGrad-CAM on the tokens entering a block's attention";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels, weighted by their share of gradient × value";

    /// <inheritdoc/>
    public override Tensor Combine(Tensor a, Tensor g)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(g);
        using var scope = NewDisposeScope();
        var weights = (g * a).sum(1, keepdim: true) / (a.sum(1, keepdim: true) + 1e-7);
        return (a * weights).sum(2L).relu().MoveToOuterDisposeScope();
    }
}
