using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// LayerNorm with places for its scale √(var + ε) and its output, gain and bias applied. One fused operator unless somebody changes the
/// scale, so that reading it leaves the output bit for bit as it was.
/// </summary>
public sealed class LayerNorm : Norm
{
    private readonly long[] _shape;

    /// <summary>Declares <c>weight</c> and, unless told otherwise, <c>bias</c> [width].</summary>
    /// <param name="width">The size of the last axis.</param>
    /// <param name="eps">ε, as the checkpoint's configuration says: it differs between families.</param>
    /// <param name="scale">The kind of place of the scale.</param>
    /// <param name="normalized">The kind of place of the output.</param>
    /// <param name="bias">Whether there is a bias.</param>
    public LayerNorm(long width, double eps, SiteKind scale, SiteKind normalized, bool bias = true)
        : base(width, eps, bias, scale, normalized) => _shape = [width];

    private LayerNorm(LayerNorm shared, SiteKind scale, SiteKind normalized) : base(shared, scale, normalized) => _shape = shared._shape;

    /// <inheritdoc/>
    public override bool Centres => true;

    /// <summary>Layer norms of one ε for a block.</summary>
    public static NormFactory With(double eps, bool bias = true) => (width, scale, normalized) => new LayerNorm(width, eps, scale, normalized, bias);

    /// <inheritdoc/>
    public override Norm WithPlaces(SiteKind scale, SiteKind normalized) => new LayerNorm(this, scale, normalized);

    /// <inheritdoc/>
    public override Tensor Plain(Tensor x) => nn.functional.layer_norm(x, _shape, Gain, Bias, Eps);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, HookRun run)
    {
        if (!run.Wants(ScalePoint)) return NormalizedPoint.Pass(Plain(x), run);
        using var scope = NewDisposeScope();
        var centred = x - x.mean([-1], keepdim: true);
        var scale = (centred.square().mean([-1], keepdim: true) + Eps).sqrt();
        var passed = ScalePoint.Pass(scale, run);
        if (ReferenceEquals(passed, scale)) return NormalizedPoint.Pass(Plain(x), run).MoveToOuterDisposeScope();
        var y = centred / passed * Gain;
        return NormalizedPoint.Pass(Bias is { } bias ? y + bias : y, run).MoveToOuterDisposeScope();
    }
}
