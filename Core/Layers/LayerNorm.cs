using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// LayerNorm with places for its scale √(var + ε) and its output. One fused operator unless somebody changes the scale, so that reading
/// it leaves the output bit for bit as it was.
/// </summary>
public sealed class LayerNorm : Module
{
    private readonly long[] _width;
    private readonly double _eps;
    private readonly Weight _gain, _bias;
    private readonly HookPoint _scale, _normalized;

    /// <summary>Declares <c>weight</c> and <c>bias</c> [width].</summary>
    /// <param name="width">The size of the last axis.</param>
    /// <param name="eps">ε, as the checkpoint's configuration says: it differs between families.</param>
    /// <param name="scale">The kind of place of the scale.</param>
    /// <param name="normalized">The kind of place of the output.</param>
    /// <param name="onDemand">The norm belongs to a branch that runs only when asked for.</param>
    public LayerNorm(long width, double eps, SiteKind scale, SiteKind normalized, bool onDemand = false)
    {
        (_width, _eps) = ([width], eps);
        _gain = Declare("weight", width);
        _bias = Declare("bias", width);
        _scale = onDemand ? PointOnDemand(scale) : Point(scale);
        _normalized = onDemand ? PointOnDemand(normalized) : Point(normalized);
    }

    // Another set of places over the same weights.
    private LayerNorm(LayerNorm shared, SiteKind scale, SiteKind normalized)
    {
        (_width, _eps, _gain, _bias) = (shared._width, shared._eps, shared._gain, shared._bias);
        _scale = PointOnDemand(scale);
        _normalized = PointOnDemand(normalized);
    }

    /// <summary>γ, [width].</summary>
    public Tensor Gain => _gain.Value;

    /// <summary>β, [width].</summary>
    public Tensor Bias => _bias.Value;

    /// <summary>ε.</summary>
    public double Eps => _eps;

    // After both were folded into what reads the norm.
    internal void Reset()
    {
        _gain.Set(_gain.Value.ones_like());
        _bias.Set(_bias.Value.zeros_like());
    }

    /// <summary>The same norm with places of its own, which are visited only when asked for.</summary>
    public LayerNorm WithPlaces(SiteKind scale, SiteKind normalized) => new(this, scale, normalized);

    /// <summary>Whether the run asks for one of this norm's places.</summary>
    public bool IsWanted(HookRun run) => run.Wants(_scale) || run.Wants(_normalized);

    /// <summary>Normalises the last axis, visiting no place.</summary>
    public Tensor Plain(Tensor x) => nn.functional.layer_norm(x, _width, _gain.Value, _bias.Value, _eps);

    /// <summary>Normalises the last axis.</summary>
    public Tensor Forward(Tensor x, HookRun run)
    {
        if (!run.Wants(_scale)) return _normalized.Pass(Plain(x), run);
        using var scope = NewDisposeScope();
        var centred = x - x.mean([-1], keepdim: true);
        var scale = (centred.square().mean([-1], keepdim: true) + _eps).sqrt();
        var passed = _scale.Pass(scale, run);
        var y = ReferenceEquals(passed, scale)
            ? Plain(x)
            : centred / passed * _gain.Value + _bias.Value;
        return _normalized.Pass(y, run).MoveToOuterDisposeScope();
    }
}
