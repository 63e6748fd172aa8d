using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What an attention of a U-net is made of.</summary>
internal sealed record CrossAttentionOptions
{
    /// <summary>The stream's width.</summary>
    internal required int Width { get; init; }

    /// <summary>The width of what keys and values read.</summary>
    internal required int Context { get; init; }

    internal required int Heads { get; init; }

    internal required int HeadWidth { get; init; }

    /// <summary>Scores and their softmax are computed in float32 whatever the model's type.</summary>
    internal bool Upcast { get; init; }

    internal required SiteKind Pattern { get; init; }

    internal required SiteKind Output { get; init; }
}

/// <summary>
/// Attention from the stream's tokens to the tokens of a context (or of the stream itself): q, k and v without biases, softmax(q kᵀ / √k) v,
/// an output projection. Where nobody asks for the pattern, heads go in portions, so that a large picture's scores never exist as a whole.
/// </summary>
internal sealed class CrossAttention : Module
{
    private const long ScoresAtOnce = 1 << 26;  // 256 MB in float32

    private readonly CrossAttentionOptions _options;
    private readonly Linear _q, _k, _v, _output;
    private readonly HookPoint _pattern, _out;

    internal CrossAttention(CrossAttentionOptions options)
    {
        _options = options;
        var inner = options.Heads * options.HeadWidth;
        _q = Child("to_q", new Linear(options.Width, inner, bias: false));
        _k = Child("to_k", new Linear(options.Context, inner, bias: false));
        _v = Child("to_v", new Linear(options.Context, inner, bias: false));
        _pattern = PointOnDemand(options.Pattern);
        _output = Child("to_out.0", new Linear(inner, options.Width));
        _out = Point(options.Output);
    }

    /// <summary>Maps [B, P, d] to what is added to it, [B, P, d].</summary>
    internal Tensor Forward(Tensor x, Tensor context, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (ByHead(_q.Forward(x)), ByHead(_k.Forward(context)), ByHead(_v.Forward(context)));
        var mixed = run.Wants(_pattern) ? WithPattern(q, k, v, x.shape[0], run) : InPortions(q, k, v);
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        var joined = mixed.view(batch, _options.Heads, tokens, _options.HeadWidth).transpose(1, 2).reshape(batch, tokens, (long)_options.Heads * _options.HeadWidth);
        return _out.Pass(_output.Forward(joined), run).MoveToOuterDisposeScope();
    }

    private Tensor WithPattern(Tensor q, Tensor k, Tensor v, long batch, HookRun run)
    {
        var pattern = _pattern.Pass(Probabilities(q, k).view(batch, _options.Heads, q.shape[1], k.shape[1]), run);
        return pattern.view(batch * _options.Heads, q.shape[1], k.shape[1]).to(v.dtype).bmm(v);
    }

    private Tensor InPortions(Tensor q, Tensor k, Tensor v)
    {
        var rows = q.shape[0];
        var portion = Math.Max(1, ScoresAtOnce / (q.shape[1] * k.shape[1]));
        if (portion >= rows) return Probabilities(q, k).to(v.dtype).bmm(v);
        var parts = new List<Tensor>();
        for (long at = 0; at < rows; at += portion)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(portion, rows - at);
            var pattern = Probabilities(q.narrow(0, at, count), k.narrow(0, at, count)).to(v.dtype);
            parts.Add(pattern.bmm(v.narrow(0, at, count)).MoveToOuterDisposeScope());
        }
        return cat(parts);
    }

    // q, k: [B·H, ·, k].
    private Tensor Probabilities(Tensor q, Tensor k)
    {
        using var scope = NewDisposeScope();
        if (_options.Upcast) (q, k) = (q.to(ScalarType.Float32), k.to(ScalarType.Float32));
        var scale = (float)(1 / Math.Sqrt(_options.HeadWidth));
        // Not the reference's baddbmm with β = 0: libtorch 1.13 multiplies what lay in the memory before by it, which leaves NaN as it was.
        var scores = (q * scale).bmm(k.transpose(1, 2));
        return scores.softmax(-1).MoveToOuterDisposeScope();
    }

    private Tensor ByHead(Tensor x) =>
        x.view(x.shape[0], x.shape[1], _options.Heads, _options.HeadWidth).transpose(1, 2).reshape(x.shape[0] * _options.Heads, x.shape[1], _options.HeadWidth);
}
