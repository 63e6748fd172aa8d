using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Multi-head self-attention. Queries, keys and values share one matrix [3·H·k, d], rows in the order q, k, v, heads within each, so
/// one product reads the stream. Per-head results and per-head inputs are formed only when the plan names them.
/// </summary>
public sealed class Attention : Module
{
    private readonly double _scale;
    private readonly bool _causal;
    private readonly HookPoint _moduleIn, _q, _k, _v, _scores, _pattern, _z, _result, _moduleOut;

    /// <summary>Declares <c>qkv</c> [3d, d] and <c>out</c> [d, d].</summary>
    /// <param name="width">d_model.</param>
    /// <param name="heads">The number of heads; must divide the width.</param>
    /// <param name="causal">Whether tokens see only themselves and those before.</param>
    /// <param name="bias">Whether q, k and v have biases.</param>
    /// <param name="scale">What scores are multiplied by; 1/√d_head where null.</param>
    public Attention(long width, int heads, bool causal = false, bool bias = true, double? scale = null)
    {
        if (heads <= 0 || width % heads != 0) throw new CheckpointException($"Attention: {heads} heads do not divide the width {width}.");
        (Width, Heads, _causal) = (width, heads, causal);
        HeadWidth = width / heads;
        _scale = scale ?? 1 / Math.Sqrt(HeadWidth);
        _moduleIn = Point(Site.AttnModuleIn);
        Qkv = Child("qkv", new Linear(width, 3 * width, bias));
        _q = Point(Site.Q);
        _k = Point(Site.K);
        _v = Point(Site.V);
        _scores = Point(Site.AttnScores);
        _pattern = Point(Site.Pattern);
        _z = Point(Site.Z);
        _result = PointOnDemand(Site.Result);
        Out = Child("out", new Linear(width, width));
        _moduleOut = Point(Site.AttnModuleOut);
    }

    /// <summary>d_model.</summary>
    public long Width { get; }

    /// <summary>H.</summary>
    public int Heads { get; }

    /// <summary>d_head.</summary>
    public long HeadWidth { get; }

    /// <summary>The fused reading matrix, [3d, d].</summary>
    public Linear Qkv { get; }

    /// <summary>The output projection, [d, d].</summary>
    public Linear Out { get; }

    /// <summary>W_O as a view [H, k, d]: what each head writes per unit of z.</summary>
    public Tensor OutputPerHead => Out.Matrix.Value.t().view(Heads, HeadWidth, Width);

    /// <summary>Maps the normalised stream [B, P, d] to what the module returns [B, P, d].</summary>
    /// <param name="x">The normalised stream.</param>
    /// <param name="run">The run.</param>
    /// <param name="visible">Which tokens may be looked at, bool [B, P]; all where null.</param>
    public Tensor Forward(Tensor x, HookRun run, Tensor? visible = null)
    {
        using var scope = NewDisposeScope();
        x = _moduleIn.Pass(x, run);
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        var qkv = Qkv.Forward(x).view(batch, tokens, 3, Heads, HeadWidth);
        return Attend(qkv.select(2, 0), qkv.select(2, 1), qkv.select(2, 2), run, visible).MoveToOuterDisposeScope();
    }

    /// <summary>Whether the run asks for what the module reads.</summary>
    public bool WantsInput(HookRun run) => run.Wants(_moduleIn);

    /// <summary>Visits the module's input place alone; for callers that then use <see cref="ForwardSplit"/>.</summary>
    public Tensor PassInput(Tensor x, HookRun run) => _moduleIn.Pass(x, run);

    /// <summary>The same where each head has normalised inputs of its own, each [B, P, H, d].</summary>
    public Tensor ForwardSplit(Tensor qInput, Tensor kInput, Tensor vInput, HookRun run, Tensor? visible = null)
    {
        using var scope = NewDisposeScope();
        return Attend(Project(qInput, 0), Project(kInput, 1), Project(vInput, 2), run, visible).MoveToOuterDisposeScope();
    }

    private Tensor Project(Tensor input, int which)
    {
        var weight = Qkv.Matrix.Value.view(3, Heads, HeadWidth, Width).select(0, which);
        var projected = einsum("bphd,hkd->bphk", input, weight);
        return Qkv.Bias is { } bias ? projected + bias.Value.view(3, Heads, HeadWidth).select(0, which) : projected;
    }

    // q, k, v: [B, P, H, k].
    private Tensor Attend(Tensor q, Tensor k, Tensor v, HookRun run, Tensor? visible)
    {
        q = _q.Pass(q, run);
        k = _k.Pass(k, run);
        v = _v.Pass(v, run);
        var (batch, tokens) = (q.shape[0], q.shape[1]);
        var scores = ByHead(q).mul(_scale).bmm(ByHead(k).transpose(1, 2)).view(batch, Heads, tokens, tokens);
        if (_causal) scores = scores.masked_fill(ones(tokens, tokens, dtype: @bool, device: scores.device).triu(1), double.NegativeInfinity);
        if (visible is not null) scores = scores.masked_fill(visible.logical_not().view(batch, 1, 1, tokens), double.NegativeInfinity);
        scores = _scores.Pass(scores, run);
        var pattern = _pattern.Pass(scores.softmax(-1), run);
        var mixed = pattern.view(batch * Heads, tokens, tokens).bmm(ByHead(v));
        var z = _z.Pass(mixed.view(batch, Heads, tokens, HeadWidth).transpose(1, 2), run);
        if (!run.Wants(_result)) return _moduleOut.Pass(Out.Forward(z.reshape(batch, tokens, Width)), run);
        var result = _result.Pass(einsum("bphk,hkd->bphd", z, OutputPerHead), run).sum(2);
        return _moduleOut.Pass(Out.Bias is { } bias ? result + bias.Value : result, run);
    }

    private Tensor ByHead(Tensor x) => x.transpose(1, 2).reshape(x.shape[0] * Heads, x.shape[1], HeadWidth);
}
