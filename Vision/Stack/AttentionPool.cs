using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Attention pooling (Lee et al. 2019, as in SigLIP): a learned query reads all tokens, then an MLP with a norm of its own adds to what
/// was read. Its places stand in the part <c>head</c>.
/// </summary>
public sealed class AttentionPool : Module
{
    private readonly long _width;
    private readonly Weight _latent;
    private readonly Linear _qkv;
    private readonly PoolAttention _attention;
    private readonly Norm _norm;
    private readonly Mlp _mlp;
    private readonly HookPoint _mlpOut, _result;

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
        _width = width;
        _latent = Declare("latent", 1, 1, width);
        _qkv = Child("qkv", new Linear(width, 3 * width));
        _attention = Child("", new PoolAttention(width, heads));
        _norm = Child("ln", norm(width, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", new Mlp(width, hidden, activation));
        _mlpOut = Point(Site.MlpOut);
        _result = Point(Site.PoolOut);
    }

    /// <summary>Reads tokens [B, P, d]: [B, d].</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="run">The run.</param>
    /// <param name="visible">Which of them may be read, bool [B, P]; all where null.</param>
    public Tensor Forward(Tensor tokens, HookRun run, Tensor? visible = null)
    {
        using var scope = NewDisposeScope();
        var query = Part(_latent.Value, 0).expand(tokens.shape[0], 1, _width);
        var read = _attention.Forward(query, Part(tokens, 1), Part(tokens, 2), run, visible);
        var moved = _mlpOut.Pass(_mlp.Forward(_norm.Forward(read, run), run), run);
        return _result.Pass(read + moved, run).squeeze(1).MoveToOuterDisposeScope();
    }

    private Tensor Part(Tensor x, int which) =>
        nn.functional.linear(x, _qkv.Matrix.Value.narrow(0, which * _width, _width), _qkv.Bias!.Value.narrow(0, which * _width, _width));
}
