using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The two-layer MLP of a block: out(f(in(x))).</summary>
public sealed class Mlp : Module
{
    private readonly Func<Tensor, Tensor> _activation;
    private readonly HookPoint _moduleIn, _pre, _post, _moduleOut;

    /// <summary>Declares <c>in</c> [hidden, width] and <c>out</c> [width, hidden].</summary>
    public Mlp(long width, long hidden, Func<Tensor, Tensor> activation)
    {
        _activation = activation;
        _moduleIn = Point(Site.MlpModuleIn);
        In = Child("in", new Linear(width, hidden));
        _pre = Point(Site.MlpPre);
        _post = Point(Site.MlpPost);
        Out = Child("out", new Linear(hidden, width));
        _moduleOut = Point(Site.MlpModuleOut);
    }

    /// <summary>The reading layer; its matrix transposed is <c>W_in</c>.</summary>
    public Linear In { get; }

    /// <summary>The writing layer; its matrix transposed is <c>W_out</c>.</summary>
    public Linear Out { get; }

    /// <summary>Maps [B, P, d] to [B, P, d].</summary>
    public Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        var pre = _pre.Pass(In.Forward(_moduleIn.Pass(x, run)), run);
        var post = _post.Pass(_activation(pre), run);
        return _moduleOut.Pass(Out.Forward(post), run).MoveToOuterDisposeScope();
    }
}
