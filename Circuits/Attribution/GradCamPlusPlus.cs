using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Grad-CAM++ (Chattopadhyay et al. 2018): α = g² / (2g² + (Σ a)·g³ + 1e-6), w = Σ α·max(g, 0) over patches, map = positive part of Σ w·a.</summary>
public sealed class GradCamPlusPlus : TokenActivationMap
{
    /// <inheritdoc/>
    public override string Name => "grad-cam++";

    /// <inheritdoc/>
    public override string Summary => "Grad-CAM++ on the tokens entering a block's attention";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels, weighted by their positive gradients";

    /// <inheritdoc/>
    public override Tensor Combine(Tensor a, Tensor g)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(g);
        using var scope = NewDisposeScope();
        var squared = g.square();
        var alpha = squared / (squared * 2 + a.sum(1, keepdim: true) * squared * g + 1e-6);
        var weights = (alpha.masked_fill(g.eq(0), 0) * g.relu()).sum(1, keepdim: true);
        return (a * weights).sum(2L).relu().MoveToOuterDisposeScope();
    }
}
