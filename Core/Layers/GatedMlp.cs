using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A gated MLP (Shazeer 2020: SwiGLU, GEGLU …): out(f(gate(x)) · up(x)). Gate and up share one matrix [2·hidden, width], the gate's rows
/// first, so that one product reads the stream.
/// </summary>
public sealed class GatedMlp : FeedForward
{
    private readonly long _hidden;
    private readonly Func<Tensor, Tensor> _activation;
    private readonly NeuronNorm? _norm;
    private readonly HookPoint _moduleIn, _pre, _preLinear, _post, _moduleOut;

    /// <summary>Declares <c>in</c> [2·hidden, width], <c>out</c> [width, hidden] and, where asked, <c>ln</c> [hidden].</summary>
    public GatedMlp(long width, long hidden, Func<Tensor, Tensor> activation, bool bias, NormFactory? norm = null)
    {
        (_hidden, _activation) = (hidden, activation);
        _moduleIn = Point(Site.MlpModuleIn);
        In = Child("in", new Linear(width, 2 * hidden, bias));
        _pre = Point(Site.MlpPre);
        _preLinear = Point(Site.MlpPreLinear);
        if (norm is not null) _norm = Child("ln", new NeuronNorm(hidden, norm));
        _post = Point(Site.MlpPost);
        Out = Child("out", new Linear(hidden, width, bias));
        _moduleOut = Point(Site.MlpModuleOut);
    }

    /// <inheritdoc/>
    public override Linear In { get; }

    /// <inheritdoc/>
    public override Linear Out { get; }

    internal override BlockKernel.ActivationKind? Kind => _norm is null ? Activation.KindOf(_activation) : null;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        var both = In.Forward(_moduleIn.Pass(x, run));
        var gate = _pre.Pass(both.narrow(-1, 0, _hidden), run);
        var up = _preLinear.Pass(both.narrow(-1, _hidden, _hidden), run);
        var active = _activation(gate) * up;
        var post = _post.Pass(_norm is null ? active : _norm.Forward(active, run), run);
        return _moduleOut.Pass(Out.Forward(post), run).MoveToOuterDisposeScope();
    }
}
