using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Multi-head self-attention. Queries, keys and values share one matrix [(H + 2·KH)·k, d], rows in the order q, k, v, heads within each,
/// so one product reads the stream. Per-head results and per-head inputs are formed only when the plan names them.
/// </summary>
public sealed class Attention : Module
{
    private const long ScoresAtOnce = 1 << 21;

    private readonly AttentionOptions _options;
    private readonly double _scale;
    private readonly Norm? _qNorm, _kNorm, _innerNorm;
    private readonly Weight? _cosineScale;
    private readonly HookPoint _moduleIn, _q, _k, _v, _scores, _pattern, _z, _result, _moduleOut;
    private readonly HookPoint? _rotQ, _rotK;

    /// <summary>Declares <c>qkv</c> [(H + 2·KH)·k, d], <c>out</c> [d, H·k] and, where asked, <c>q_norm</c> and <c>k_norm</c> [k], <c>cosine_scale</c> [H, 1, 1], <c>bias</c>, <c>ln</c> [H·k].</summary>
    /// <exception cref="CheckpointException">The numbers of heads do not divide what they must.</exception>
    public Attention(AttentionOptions options)
    {
        _options = options;
        (Width, Heads, KeyHeads) = (options.Width, options.Heads, options.KeyHeads ?? options.Heads);
        if (Heads <= 0 || (options.HeadWidth is null && Width % Heads != 0)) throw new CheckpointException($"Attention: {Heads} heads do not divide the width {Width}.");
        if (KeyHeads <= 0 || Heads % KeyHeads != 0) throw new CheckpointException($"Attention: {KeyHeads} key heads do not divide {Heads} heads.");
        HeadWidth = options.HeadWidth ?? Width / Heads;
        _scale = options.CosineLimit is not null ? 1 : options.Scale ?? 1 / Math.Sqrt(HeadWidth);
        if (options.CosineLimit is not null) _cosineScale = Declare("cosine_scale", Heads, 1, 1);
        _moduleIn = Point(options.Places.ModuleIn);
        Qkv = Child("qkv", new Linear(Width, (Heads + 2 * KeyHeads) * HeadWidth, options.Bias));
        _q = Point(options.Places.Q);
        _k = Point(options.Places.K);
        _v = Point(options.Places.V);
        if (options.HeadNorm is { } norm)
        {
            _qNorm = Child("q_norm", norm(HeadWidth, Site.QNormScale, Site.QNormNormalized));
            _kNorm = Child("k_norm", norm(HeadWidth, Site.KNormScale, Site.KNormNormalized));
        }
        if (options.Rotary is not null)
        {
            _rotQ = Point(Site.RotQ);
            _rotK = Point(Site.RotK);
        }
        if (options.ScoreBias is { } scoreBias) Child("bias", scoreBias);
        _scores = Point(options.Places.Scores);
        _pattern = Point(options.Places.Pattern);
        _z = Point(options.Places.Z);
        if (options.InnerNorm is { } inner) _innerNorm = Child("ln", inner(Heads * HeadWidth, Site.AttnInnerScale, Site.AttnInnerNormalized));
        _result = PointOnDemand(options.Places.Result);
        Out = Child("out", new Linear(Heads * HeadWidth, Width, options.OutBias));
        _moduleOut = Point(options.Places.ModuleOut);
    }

    /// <summary>d_model.</summary>
    public long Width { get; }

    /// <summary>H, the number of query heads.</summary>
    public int Heads { get; }

    /// <summary>KH, the number of key and value heads; divides H.</summary>
    public int KeyHeads { get; }

    /// <summary>d_head.</summary>
    public long HeadWidth { get; }

    /// <summary>How many tokens back a causal token sees, itself included; all where null.</summary>
    public int? Window => _options.Window;

    /// <summary>What turns queries and keys by their position; null where nothing does.</summary>
    public Rotary? Rotary => _options.Rotary;

    /// <summary>The fused reading matrix, [(H + 2·KH)·k, d].</summary>
    public Linear Qkv { get; }

    /// <summary>The output projection, [d, H·k].</summary>
    public Linear Out { get; }

    /// <summary>The norm between what all heads read together and the output matrix; null where there is none.</summary>
    public Norm? InnerNorm => _innerNorm;

    /// <summary>W_O as a view [H, k, d]: what each head writes per unit of z.</summary>
    public Tensor OutputPerHead => Out.Matrix.Value.t().view(Heads, HeadWidth, Width);

    /// <summary>Maps the normalised stream [B, P, d] to what the module returns [B, P, d].</summary>
    /// <param name="x">The normalised stream.</param>
    /// <param name="run">The run.</param>
    /// <param name="context">Masks, positions and memory; plain where null.</param>
    public Tensor Forward(Tensor x, HookRun run, AttentionContext? context = null)
    {
        using var scope = NewDisposeScope();
        x = _moduleIn.Pass(x, run);
        if (run.Given(_z) is { } given && context?.Memory is null && !WantsBeforeHeads(run) && given.shape.AsSpan().SequenceEqual([x.shape[0], x.shape[1], Heads, HeadWidth]))
            return Written(_z.Pass(given, run), run).MoveToOuterDisposeScope();
        var qkv = Qkv.Forward(x).view(x.shape[0], x.shape[1], Heads + 2 * KeyHeads, HeadWidth);
        return Attend(qkv.narrow(2, 0, Heads), qkv.narrow(2, Heads, KeyHeads), qkv.narrow(2, Heads + KeyHeads, KeyHeads), run, context).MoveToOuterDisposeScope();
    }

    /// <summary>Whether the run asks for what the module reads.</summary>
    public bool WantsInput(HookRun run) => run.Wants(_moduleIn);

    /// <summary>Visits the module's input place alone; for callers that then use <see cref="ForwardSplit"/>.</summary>
    public Tensor PassInput(Tensor x, HookRun run) => _moduleIn.Pass(x, run);

    /// <summary>The same where each head has normalised inputs of its own: queries [B, P, H, d], keys and values [B, P, KH, d].</summary>
    public Tensor ForwardSplit(Tensor qInput, Tensor kInput, Tensor vInput, HookRun run, AttentionContext? context = null)
    {
        using var scope = NewDisposeScope();
        return Attend(Project(qInput, 0, Heads), Project(kInput, Heads, KeyHeads), Project(vInput, Heads + KeyHeads, KeyHeads), run, context).MoveToOuterDisposeScope();
    }

    private Tensor Project(Tensor input, int first, int heads)
    {
        var all = Heads + 2 * KeyHeads;
        var projected = einsum("bphd,hkd->bphk", input, Qkv.Matrix.Value.view(all, HeadWidth, Width).narrow(0, first, heads));
        return Qkv.Bias is { } bias ? projected + bias.Value.view(all, HeadWidth).narrow(0, first, heads) : projected;
    }

    // q: [B, P, H, k]; k, v: [B, P, KH, k].
    private Tensor Attend(Tensor q, Tensor k, Tensor v, HookRun run, AttentionContext? context)
    {
        context ??= AttentionContext.Plain;
        q = _q.Pass(q, run);
        k = _k.Pass(k, run);
        v = _v.Pass(v, run);
        if (_qNorm is not null && _kNorm is not null) (q, k) = (_qNorm.Forward(q, run), _kNorm.Forward(k, run));
        if (_cosineScale is { } factor) (q, k) = (Unit(q) * factor.Value.clamp(max: _options.CosineLimit).exp().view(Heads, 1), Unit(k));
        if (_options.Rotary is { } rotary && _rotQ is not null && _rotK is not null)
            (q, k) = (_rotQ.Pass(rotary.Rotate(q, context), run), _rotK.Pass(rotary.Rotate(k, context), run));
        var z = _z.Pass(context.Memory is { } memory && ReadsOnlyMemory(run, context) && TokenAttention.Suits(q, k, v)
            ? memory.Attend(this, q, k, v, _scale, _options.SoftCap, _options.Window)
            : MixedHeads(q, k, v, run, context), run);
        return Written(z, run);
    }

    // z: [B, P, H, k], what each head read.
    private Tensor Written(Tensor z, HookRun run)
    {
        var read = z.reshape(z.shape[0], z.shape[1], Heads * HeadWidth);
        if (_innerNorm is not null) read = _innerNorm.Forward(read, run);
        if (!run.Wants(_result)) return _moduleOut.Pass(Out.Forward(read), run);
        var result = _result.Pass(einsum("bphk,hkd->bphd", read.view(z.shape), OutputPerHead), run).sum(2);
        return _moduleOut.Pass(Out.Bias is { } added ? result + added.Value : result, run);
    }

    private bool WantsBeforeHeads(HookRun run)
    {
        ReadOnlySpan<HookPoint?> before = [_q, _k, _v, _rotQ, _rotK, _scores, _pattern];
        foreach (var point in before)
            if (point is not null && run.Wants(point)) return true;
        return _qNorm?.IsWanted(run) == true || _kNorm?.IsWanted(run) == true;
    }

    // Its part of a block's form for the kernel of one token; null where it has something that the kernel lacks.
    internal BlockKernel.Form? Form()
    {
        if (!_options.Causal || _options.ScoreBias is not null || _innerNorm is not null || _cosineScale is not null || _options.Rotary is { Pairs: null }) return null;
        return new BlockKernel.Form
        {
            Width = Width,
            Heads = Heads,
            KeyHeads = KeyHeads,
            HeadWidth = HeadWidth,
            Qkv = Qkv.Form(),
            Out = Out.Form(),
            OfQueries = _qNorm?.Form() ?? default,
            OfKeys = _kNorm?.Form() ?? default,
            Scale = _scale,
            Cap = _options.SoftCap ?? 0,
            Window = _options.Window ?? 0,
        };
    }

    // Whether one new token attends to what is in memory and nobody wants to see how.
    internal bool ReadsOnlyMemory(HookRun run, AttentionContext context) => _options.Causal && !NeedsScores(run, context);

    private bool NeedsScores(HookRun run, AttentionContext context) =>
        run.Wants(_scores) || run.Wants(_pattern) || _options.ScoreBias is not null || context.ScoreBias is not null || context.Visible is not null;

    // What each head reads: [B, P, H, k].
    private Tensor MixedHeads(Tensor q, Tensor k, Tensor v, HookRun run, AttentionContext context)
    {
        if (context.Memory is { } memory) (k, v) = memory.Extend(this, k, v);
        var (batch, tokens, keys) = (q.shape[0], q.shape[1], k.shape[1]);
        var (queries, ofKeys, ofValues) = (ByHead(q).mul(_scale), ByHead(k).transpose(1, 2), ByHead(v));
        var mixed = HeadsAtOnce(queries, keys, run, context) is var few && few < batch * Heads
            ? MixedByParts(queries, ofKeys, ofValues, few, context)
            : Mixed(queries.bmm(ofKeys).view(batch, Heads, tokens, keys), ofValues, run, context);
        return mixed.view(batch, Heads, tokens, HeadWidth).transpose(1, 2);
    }

    // scores: [B, H, P, keys]; values: [B·H, keys, k].
    private Tensor Mixed(Tensor scores, Tensor values, HookRun run, AttentionContext context)
    {
        if (_options.ScoreBias is { } bias) scores = scores + bias.Of(context);
        if (context.ScoreBias is { } given) scores = scores + given;
        scores = _scores.Pass(Masked(Capped(scores), context), run);
        var pattern = _pattern.Pass(scores.softmax(-1), run);
        return pattern.reshape(values.shape[0], scores.shape[2], scores.shape[3]).bmm(values);
    }

    // How many heads are read at once: all of them where somebody wants their scores or a gradient, or where these differ between pictures or
    // texts; else so many that scores are still in the processor's cache when the softmax and the values come to them.
    private long HeadsAtOnce(Tensor queries, long keys, HookRun run, AttentionContext context)
    {
        var all = queries.shape[0];
        var whole = NeedsScores(run, context) || queries.device_type != TorchSharp.DeviceType.CPU || (is_grad_enabled() && queries.requires_grad);
        return whole ? all : Math.Clamp(ScoresAtOnce / Math.Max(1, queries.shape[1] * keys), 1, all);
    }

    private Tensor MixedByParts(Tensor queries, Tensor keys, Tensor values, long few, AttentionContext context)
    {
        var mixed = queries.empty_like();
        for (long first = 0; first < queries.shape[0]; first += few)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(few, queries.shape[0] - first);
            var scores = Masked(Capped(queries.narrow(0, first, count).bmm(keys.narrow(0, first, count))), context);
            mixed.narrow(0, first, count).copy_(scores.softmax(-1).bmm(values.narrow(0, first, count)));
        }
        return mixed;
    }

    private Tensor Capped(Tensor scores) => _options.SoftCap is { } cap ? (scores / cap).tanh() * cap : scores;

    private static Tensor Unit(Tensor x) => nn.functional.normalize(x, dim: -1);

    // In place: nobody else has seen the scores yet, and no gradient needs them as they were.
    private Tensor Masked(Tensor scores, AttentionContext context)
    {
        var (tokens, keys) = (scores.shape[^2], scores.shape[^1]);
        if (_options.Causal && tokens > 1) scores.masked_fill_(Ones(scores).triu(1 + keys - tokens), double.NegativeInfinity);
        if (_options.Window is { } window && keys > window) scores.masked_fill_(Ones(scores).tril(keys - tokens - window), double.NegativeInfinity);
        if (context.Visible is { } visible) scores.masked_fill_(visible.logical_not().view(visible.shape[0], 1, visible.ndim == 3 ? tokens : 1, keys), double.NegativeInfinity);
        return scores;
    }

    private static Tensor Ones(Tensor scores) => ones(scores.shape[^2], scores.shape[^1], dtype: @bool, device: scores.device);

    // [B, P, h, k] → [B·H, P, k]: a key head stands for every query head of its group.
    private Tensor ByHead(Tensor x)
    {
        var (batch, tokens, heads) = (x.shape[0], x.shape[1], x.shape[2]);
        if (heads == Heads) return x.transpose(1, 2).reshape(batch * Heads, tokens, HeadWidth);
        return x.transpose(1, 2).unsqueeze(2).expand(batch, heads, Heads / heads, tokens, HeadWidth).reshape(batch * Heads, tokens, HeadWidth);
    }
}
