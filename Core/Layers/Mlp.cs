using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The two-layer MLP of a block: out(f(in(x))).</summary>
public sealed class Mlp : FeedForward
{
    private readonly Func<Tensor, Tensor> _activation;
    private readonly NeuronNorm? _norm;
    private readonly HookPoint _moduleIn, _pre, _post, _moduleOut;

    /// <summary>Declares <c>in</c> [hidden, width], <c>out</c> [width, hidden] and, where asked, <c>ln</c> [hidden].</summary>
    public Mlp(long width, long hidden, Func<Tensor, Tensor> activation, bool bias = true, NormFactory? norm = null)
    {
        _activation = activation;
        _moduleIn = Point(Site.MlpModuleIn);
        In = Child("in", new Linear(width, hidden, bias));
        _pre = Point(Site.MlpPre);
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
        var pre = _pre.Pass(In.Forward(_moduleIn.Pass(x, run)), run);
        var active = _activation(pre);
        var post = _post.Pass(_norm is null ? active : _norm.Forward(active, run), run);
        return _moduleOut.Pass(Out.Forward(post), run).MoveToOuterDisposeScope();
    }
}
