using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// CoCa's pooling (Yu et al. 2022): learned queries read all tokens, both normalised first; the first query's answer stands for the picture, the
/// others are what a captioner reads. Its places stand in the part <c>head</c>.
/// </summary>
internal sealed class QueryPool : Module
{
    private readonly Weight _query, _gain, _shift;
    private readonly Norm _norm;
    private readonly Linear _q, _k, _v;
    private readonly PoolAttention _attention;
    private readonly double _eps;

    /// <summary>Declares <c>query</c> [1, Q, e], <c>query_ln</c>, <c>ln</c> [d], <c>q</c> [e, e], <c>k</c> and <c>v</c> [e, d], <c>out</c> [e, e].</summary>
    internal QueryPool(int queries, int heads, long width, long joint, double eps)
    {
        _eps = eps;
        _query = Declare("query", 1, queries, joint);
        (_gain, _shift) = (Declare("query_ln.weight", joint), Declare("query_ln.bias", joint));
        _norm = Child("ln", new LayerNorm(width, eps, Site.Ln1Scale, Site.Ln1Normalized));
        (_q, _k, _v) = (Child("q", new Linear(joint, joint)), Child("k", new Linear(width, joint)), Child("v", new Linear(width, joint)));
        _attention = Child("", new PoolAttention(joint, heads));
    }

    /// <summary>Reads tokens [B, P, d]: [B, Q, e].</summary>
    internal Tensor Forward(Tensor tokens, HookRun run)
    {
        using var scope = NewDisposeScope();
        var read = _norm.Forward(tokens, run);
        // The queries are the same for every picture, so their norm has no places.
        var asked = _q.Forward(nn.functional.layer_norm(_query.Value, [_query.Shape[2]], _gain.Value, _shift.Value, _eps));
        return _attention.Forward(asked.expand(tokens.shape[0], asked.shape[1], asked.shape[2]), _k.Forward(read), _v.Forward(read), run).MoveToOuterDisposeScope();
    }
}
