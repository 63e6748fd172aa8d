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
    private readonly HookPoint _moduleIn, _pre, _preLinear, _post, _moduleOut;

    /// <summary>Declares <c>in</c> [2·hidden, width] and <c>out</c> [width, hidden].</summary>
    public GatedMlp(long width, long hidden, Func<Tensor, Tensor> activation, bool bias)
    {
        (_hidden, _activation) = (hidden, activation);
        _moduleIn = Point(Site.MlpModuleIn);
        In = Child("in", new Linear(width, 2 * hidden, bias));
        _pre = Point(Site.MlpPre);
        _preLinear = Point(Site.MlpPreLinear);
        _post = Point(Site.MlpPost);
        Out = Child("out", new Linear(hidden, width, bias));
        _moduleOut = Point(Site.MlpModuleOut);
    }

    /// <inheritdoc/>
    public override Linear In { get; }

    /// <inheritdoc/>
    public override Linear Out { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        var both = In.Forward(_moduleIn.Pass(x, run));
        var gate = _pre.Pass(both.narrow(-1, 0, _hidden), run);
        var up = _preLinear.Pass(both.narrow(-1, _hidden, _hidden), run);
        var post = _post.Pass(_activation(gate) * up, run);
        return _moduleOut.Pass(Out.Forward(post), run).MoveToOuterDisposeScope();
    }
}
