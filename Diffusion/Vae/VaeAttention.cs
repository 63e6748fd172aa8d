using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>One head of self-attention over all cells of [B, C, h, w], added to what it read.</summary>
internal sealed class VaeAttention : Module
{
    private const long ScoresAtOnce = 1 << 26;  // 256 MB in float32

    private readonly HookPoint _in, _update, _out;
    private readonly GroupNorm _norm;
    private readonly Linear _q, _k, _v, _output;
    private readonly int _channels;

    internal VaeAttention(int channels, int groups)
    {
        _channels = channels;
        _in = Point(Site.ModuleIn);
        _norm = Child("group_norm", new GroupNorm(groups, channels, VaeBlocks.Eps));
        _q = Child("to_q", new Linear(channels, channels));
        _k = Child("to_k", new Linear(channels, channels));
        _v = Child("to_v", new Linear(channels, channels));
        _output = Child("to_out.0", new Linear(channels, channels));
        _update = PointOnDemand(Site.ModuleUpdate);
        _out = Point(Site.ModuleOut);
    }

    internal Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _in.Pass(x, run);
        var tokens = _norm.Forward(x).flatten(2).transpose(1, 2);
        var mixed = _output.Forward(Attend(_q.Forward(tokens), _k.Forward(tokens), _v.Forward(tokens)));
        var y = mixed.transpose(1, 2).reshape(x.shape) + x;
        return _out.Pass(StreamUpdate.Pass(_update, x, y, run), run).MoveToOuterDisposeScope();
    }

    // Queries go in portions: the scores of a large picture would fill the memory.
    private Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        var scale = 1 / Math.Sqrt(_channels);
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
}
