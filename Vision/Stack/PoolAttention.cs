using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>What poolings by attention have in common: queries that read a picture's tokens. Its places are those of the part <c>head</c>.</summary>
internal sealed class PoolAttention : Module
{
    private readonly int _heads;
    private readonly Linear _out;
    private readonly HookPoint _q, _k, _v, _scores, _pattern, _z, _attnOut;

    /// <summary>Declares <c>out</c> [d, d].</summary>
    internal PoolAttention(long width, int heads)
    {
        if (heads <= 0 || width % heads != 0) throw new CheckpointException($"Attention pooling: {heads} heads do not divide the width {width}.");
        _heads = heads;
        _q = Point(Site.PoolQ);
        _k = Point(Site.PoolK);
        _v = Point(Site.PoolV);
        _scores = Point(Site.PoolScores);
        _pattern = Point(Site.PoolPattern);
        _z = Point(Site.PoolZ);
        _out = Child("out", new Linear(width, width));
        _attnOut = Point(Site.AttnOut);
    }

    /// <summary>What queries [B, Q, d] read of keys and values [B, P, d]: [B, Q, d].</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="values">The values.</param>
    /// <param name="run">The run.</param>
    /// <param name="visible">Which tokens may be read, bool [B, P]; all where null.</param>
    internal Tensor Forward(Tensor queries, Tensor keys, Tensor values, HookRun run, Tensor? visible = null)
    {
        using var scope = NewDisposeScope();
        var (batch, count, width) = (keys.shape[0], keys.shape[1], keys.shape[2]);
        var each = width / _heads;
        var q = _q.Pass(queries.reshape(batch, -1, _heads, each), run).transpose(1, 2);
        var k = _k.Pass(keys.view(batch, count, _heads, each), run).transpose(1, 2);
        var v = _v.Pass(values.view(batch, count, _heads, each), run).transpose(1, 2);
        var reach = q.mul(1 / Math.Sqrt(each)).matmul(k.transpose(2, 3));
        if (visible is not null) reach = reach.masked_fill(visible.logical_not().view(batch, 1, 1, count), double.NegativeInfinity);
        var scores = _scores.Pass(reach, run);
        var pattern = _pattern.Pass(scores.softmax(-1), run);
        var z = _z.Pass(pattern.matmul(v).transpose(1, 2), run);
        return _attnOut.Pass(_out.Forward(z.reshape(batch, -1, width)), run).MoveToOuterDisposeScope();
    }
}
