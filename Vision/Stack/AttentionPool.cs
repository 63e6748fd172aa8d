using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Attention pooling (Lee et al. 2019, as in SigLIP): a learned query reads all tokens, then an MLP with a norm of its own adds to what
/// was read. Its places stand in the part <c>head</c>.
/// </summary>
public sealed class AttentionPool : Module
{
    private readonly int _heads;
    private readonly long _width;
    private readonly Weight _latent;
    private readonly Linear _qkv, _out;
    private readonly Norm _norm;
    private readonly Mlp _mlp;
    private readonly HookPoint _q, _k, _v, _scores, _pattern, _z, _attnOut, _mlpOut, _result;

    /// <summary>Declares <c>latent</c> [1, 1, d], <c>qkv</c> [3d, d], <c>out</c> [d, d], <c>ln</c> and <c>mlp</c>.</summary>
    /// <param name="width">d_model.</param>
    /// <param name="heads">The number of heads.</param>
    /// <param name="hidden">The MLP's hidden width.</param>
    /// <param name="activation">The MLP's activation.</param>
    /// <param name="norm">The norm before the MLP.</param>
    /// <exception cref="CheckpointException">The heads do not divide the width.</exception>
    public AttentionPool(long width, int heads, long hidden, Func<Tensor, Tensor> activation, NormFactory norm)
    {
        ArgumentNullException.ThrowIfNull(norm);
        if (heads <= 0 || width % heads != 0) throw new CheckpointException($"Attention pooling: {heads} heads do not divide the width {width}.");
        (_heads, _width) = (heads, width);
        _latent = Declare("latent", 1, 1, width);
        _qkv = Child("qkv", new Linear(width, 3 * width));
        _q = Point(Site.PoolQ);
        _k = Point(Site.PoolK);
        _v = Point(Site.PoolV);
        _scores = Point(Site.PoolScores);
        _pattern = Point(Site.PoolPattern);
        _z = Point(Site.PoolZ);
        _out = Child("out", new Linear(width, width));
        _attnOut = Point(Site.AttnOut);
        _norm = Child("ln", norm(width, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", new Mlp(width, hidden, activation));
        _mlpOut = Point(Site.MlpOut);
        _result = Point(Site.PoolOut);
    }

    /// <summary>Reads tokens [B, P, d]: [B, d].</summary>
    public Tensor Forward(Tensor tokens, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, count, each) = (tokens.shape[0], tokens.shape[1], _width / _heads);
        var q = _q.Pass(Part(_latent.Value, 0).view(1, 1, _heads, each).expand(batch, 1, _heads, each), run).transpose(1, 2);
        var k = _k.Pass(Part(tokens, 1).view(batch, count, _heads, each), run).transpose(1, 2);
        var v = _v.Pass(Part(tokens, 2).view(batch, count, _heads, each), run).transpose(1, 2);
        var scores = _scores.Pass(q.mul(1 / Math.Sqrt(each)).matmul(k.transpose(2, 3)), run);
        var pattern = _pattern.Pass(scores.softmax(-1), run);
        var z = _z.Pass(pattern.matmul(v).transpose(1, 2), run);
        var read = _attnOut.Pass(_out.Forward(z.reshape(batch, 1, _width)), run);
        var moved = _mlpOut.Pass(_mlp.Forward(_norm.Forward(read, run), run), run);
        return _result.Pass(read + moved, run).squeeze(1).MoveToOuterDisposeScope();
    }

    private Tensor Part(Tensor x, int which) =>
        nn.functional.linear(x, _qkv.Matrix.Value.narrow(0, which * _width, _width), _qkv.Bias!.Value.narrow(0, which * _width, _width));
}
