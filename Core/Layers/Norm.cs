using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Makes a block's norm of a width, with the kinds of place that belong to where it stands; see <see cref="LayerNorm.With"/>.</summary>
public delegate Norm NormFactory(long width, SiteKind scale, SiteKind normalized);

/// <summary>A normalisation of the last axis, with a place for the scale that it divides by and one for its result.</summary>
public abstract class Norm : Module
{
    private readonly Weight _gain;
    private readonly Weight? _bias;

    /// <summary>Declares <c>weight</c> [width] and, where asked, <c>bias</c> [width].</summary>
    /// <param name="width">The size of the last axis.</param>
    /// <param name="eps">ε, as the checkpoint's configuration says: it differs between families.</param>
    /// <param name="bias">Whether there is a bias.</param>
    /// <param name="scale">The kind of place of the scale.</param>
    /// <param name="normalized">The kind of place of the output.</param>
    private protected Norm(long width, double eps, bool bias, SiteKind scale, SiteKind normalized)
    {
        (Width, Eps) = (width, eps);
        _gain = Declare("weight", width);
        _bias = bias ? Declare("bias", width) : null;
        ScalePoint = Point(scale);
        NormalizedPoint = Point(normalized);
    }

    /// <summary>Another set of places, visited only when asked for, over the same weights.</summary>
    private protected Norm(Norm shared, SiteKind scale, SiteKind normalized)
    {
        (Width, Eps, _gain, _bias) = (shared.Width, shared.Eps, shared._gain, shared._bias);
        ScalePoint = PointOnDemand(scale);
        NormalizedPoint = PointOnDemand(normalized);
    }

    /// <summary>The size of the axis.</summary>
    public long Width { get; }

    /// <summary>ε.</summary>
    public double Eps { get; }

    /// <summary>γ, [width].</summary>
    public Tensor Gain => _gain.Value;

    /// <summary>β, [width], or null.</summary>
    public Tensor? Bias => _bias?.Value;

    /// <summary>Whether the mean over the axis is taken away, so that what is written along it does nothing.</summary>
    public abstract bool Centres { get; }

    private protected HookPoint ScalePoint { get; }

    private protected HookPoint NormalizedPoint { get; }

    /// <summary>The same norm with places of its own, which are visited only when asked for.</summary>
    public abstract Norm WithPlaces(SiteKind scale, SiteKind normalized);

    /// <summary>Whether the run asks for one of this norm's places.</summary>
    public bool IsWanted(HookRun run) => run.Wants(ScalePoint) || run.Wants(NormalizedPoint);

    /// <summary>Normalises the last axis, visiting no place.</summary>
    public abstract Tensor Plain(Tensor x);

    /// <summary>Normalises the last axis.</summary>
    public abstract Tensor Forward(Tensor x, HookRun run);

    /// <summary>The norm with its scale held at a run's own, without the bias: linear in x, so that parts of a stream add up.</summary>
    /// <param name="x">[..., d].</param>
    /// <param name="scale">What is divided by, [..., 1].</param>
    public Tensor WithScale(Tensor x, Tensor scale)
    {
        using var scope = NewDisposeScope();
        var centred = Centres ? x - x.mean([-1], keepdim: true) : x;
        return (centred / scale * Gain).MoveToOuterDisposeScope();
    }

    internal BlockKernel.Norm Form() => new(Extras.Address(Gain), Bias is { } bias ? Extras.Address(bias) : 0, Centres ? BlockKernel.NormKind.Layer : BlockKernel.NormKind.RootMeanSquare, Eps);

    // After both were folded into what reads the norm.
    internal void Reset()
    {
        _gain.Set(Gain.ones_like());
        _bias?.Set(_bias.Value.zeros_like());
    }
}
