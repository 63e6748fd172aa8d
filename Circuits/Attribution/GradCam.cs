using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Grad-CAM (Selvaraju et al. 2017): w = mean of g over patches, map = positive part of Σ w·a over channels.</summary>
public sealed class GradCam : TokenActivationMap
{
    /// <inheritdoc/>
    public override string Name => "grad-cam";

    /// <inheritdoc/>
    public override string Summary => "Grad-CAM on the tokens entering a block's attention (the last by default)";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels, weighted by their mean gradient";

    /// <inheritdoc/>
    public override Tensor Combine(Tensor a, Tensor g)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(g);
        using var scope = NewDisposeScope();
        return (a * g.mean([1], keepdim: true)).sum(2L).relu().MoveToOuterDisposeScope();
    }
}
