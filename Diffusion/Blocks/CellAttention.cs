using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What self-attention over cells is made of.</summary>
/// <param name="Channels">Channels read and written.</param>
/// <param name="Heads">Heads.</param>
/// <param name="Groups">Groups of the norm; 0: no norm.</param>
/// <param name="Eps">ε of the norm.</param>
internal sealed record CellAttentionOptions(int Channels, int Heads, int Groups, double Eps)
{
    /// <summary>What the sum with the input is divided by.</summary>
    internal double Scale { get; init; } = 1;
}

/// <summary>Self-attention over all cells of [B, C, h, w], added to what it read: diffusers' Attention in autoencoders and U-nets without text.</summary>
internal sealed class CellAttention : CellMixer
{
    private const long ScoresAtOnce = 1 << 26;  // 256 MB in float32

    private readonly HookPoint _in, _update, _out;
    private readonly GroupNorm? _norm;
    private readonly Linear _q, _k, _v, _output;
    private readonly CellAttentionOptions _options;

    internal CellAttention(CellAttentionOptions options)
    {
        var channels = options.Channels;
        _options = options;
        _in = Point(Site.ModuleIn);
        _norm = options.Groups > 0 ? Child("group_norm", new GroupNorm(options.Groups, channels, options.Eps)) : null;
        _q = Child("to_q", new Linear(channels, channels));
        _k = Child("to_k", new Linear(channels, channels));
        _v = Child("to_v", new Linear(channels, channels));
        _output = Child("to_out.0", new Linear(channels, channels));
        _update = PointOnDemand(Site.ModuleUpdate);
        _out = Point(Site.ModuleOut);
    }

    internal override Tensor Forward(Tensor x, Tensor? text, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _in.Pass(x, run);
        var tokens = (_norm?.Forward(x) ?? x).flatten(2).transpose(1, 2);
        var mixed = _output.Forward(Joined(Attend(ByHead(_q.Forward(tokens)), ByHead(_k.Forward(tokens)), ByHead(_v.Forward(tokens))), x.shape[0]));
        var y = mixed.transpose(1, 2).reshape(x.shape) + x;
        if (_options.Scale != 1) y /= _options.Scale;
        return _out.Pass(StreamUpdate.Pass(_update, x, y, run), run).MoveToOuterDisposeScope();
    }

    /// <summary>Every weight of a model from the tensor of its name, or of the name that older files give the attention's matrices.</summary>
    internal static WeightMap WithOlderNames(WeightMap map, Module model, TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        foreach (var (name, _) in model.Weights) map.Copy(name, source.Contains(name) || !source.Contains(Older(name)) ? name : Older(name));
        return map;
    }

    private static string Older(string name) => name
        .Replace(".to_q.", ".query.", StringComparison.Ordinal).Replace(".to_k.", ".key.", StringComparison.Ordinal)
        .Replace(".to_v.", ".value.", StringComparison.Ordinal).Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal);

    // Queries go in portions: the scores of a large picture would fill the memory.
    private static Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        var scale = 1 / Math.Sqrt(q.shape[2]);
        var portion = Math.Max(1, ScoresAtOnce / (q.shape[0] * k.shape[1]));
        var parts = new List<Tensor>();
        for (long at = 0; at < q.shape[1]; at += portion)
        {
            using var scope = NewDisposeScope();
            var scores = (q.narrow(1, at, Math.Min(portion, q.shape[1] - at)) * scale).bmm(k.transpose(1, 2));
            parts.Add(scores.softmax(-1).bmm(v).MoveToOuterDisposeScope());
        }
        return parts.Count == 1 ? parts[0] : cat(parts, 1);
    }

    // [B, P, H·k] to [B·H, P, k]; one head needs no other order.
    private Tensor ByHead(Tensor x) => _options.Heads == 1
        ? x
        : x.view(x.shape[0], x.shape[1], _options.Heads, -1).transpose(1, 2).reshape(x.shape[0] * _options.Heads, x.shape[1], -1);

    private Tensor Joined(Tensor x, long batch) => _options.Heads == 1
        ? x
        : x.view(batch, _options.Heads, x.shape[1], -1).transpose(1, 2).reshape(batch, x.shape[1], -1);
}
