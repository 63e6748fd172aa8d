using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Root-mean-square norm (Zhang and Sennrich 2019): x / √(mean x² + ε) · γ. As in TransformerLens, the place of its output holds the value
/// before the gain.
/// </summary>
public sealed class RmsNorm : Norm
{
    /// <summary>Declares <c>weight</c> [width]. Checkpoints that store γ − 1 add the 1 on loading.</summary>
    /// <param name="width">The size of the last axis.</param>
    /// <param name="eps">ε, as the checkpoint's configuration says.</param>
    /// <param name="scale">The kind of place of the scale √(mean x² + ε).</param>
    /// <param name="normalized">The kind of place of x / scale.</param>
    public RmsNorm(long width, double eps, SiteKind scale, SiteKind normalized) : base(width, eps, bias: false, scale, normalized) { }

    private RmsNorm(RmsNorm shared, SiteKind scale, SiteKind normalized) : base(shared, scale, normalized) { }

    /// <inheritdoc/>
    public override bool Centres => false;

    /// <summary>Root-mean-square norms of one ε for a block.</summary>
    public static NormFactory With(double eps) => (width, scale, normalized) => new RmsNorm(width, eps, scale, normalized);

    /// <inheritdoc/>
    public override Norm WithPlaces(SiteKind scale, SiteKind normalized) => new RmsNorm(this, scale, normalized);

    /// <inheritdoc/>
    public override Tensor Plain(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (x / Scale(x) * Gain).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        return (NormalizedPoint.Pass(x / ScalePoint.Pass(Scale(x), run), run) * Gain).MoveToOuterDisposeScope();
    }

    private Tensor Scale(Tensor x) => (x.square().mean([-1], keepdim: true) + Eps).sqrt();
}
