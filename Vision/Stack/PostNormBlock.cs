using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// A block whose branches read the stream as it is and are normalised on the way back (EVA-CLIP's enormous towers): x + ln1(attn(x)), then
/// + ln2(mlp(x)). There are no norms before the branches, so there are no places of such.
/// </summary>
internal sealed class PostNormBlock : Module
{
    private readonly HookPoint _residPre, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly Attention _attention;
    private readonly FeedForward _mlp;
    private readonly Norm _ln1, _ln2;

    /// <summary>Declares <c>attn</c>, <c>ln1</c>, <c>mlp</c> and <c>ln2</c>.</summary>
    internal PostNormBlock(Attention attention, FeedForward mlp, NormFactory norm)
    {
        _residPre = Point(Site.ResidPre);
        _attention = Child("attn", attention);
        _ln1 = Child("ln1", norm(attention.Width, Site.Ln1PostScale, Site.Ln1PostNormalized));
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        _mlp = Child("mlp", mlp);
        _ln2 = Child("ln2", norm(attention.Width, Site.Ln2PostScale, Site.Ln2PostNormalized));
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>One step of the stream [B, P, d].</summary>
    internal Tensor Forward(Tensor x, HookRun run, AttentionContext? context)
    {
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        x = _residMid.Pass(x + _attnOut.Pass(_ln1.Forward(_attention.Forward(x, run, context), run), run), run);
        var moved = _mlpOut.Pass(_ln2.Forward(_mlp.Forward(_mlpIn.Pass(x, run), run), run), run);
        return _residPost.Pass(x + moved, run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
                throw new OptionsException("fold-ln: the norms of this model stand behind the branches, so nothing reads them that could take them in.");
            case ProcessingStep.CenterWriting:
                throw new OptionsException("center-writing: the branches of this model read the stream without a norm, so its mean does count.");
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(_attention);
                break;
        }
    }
}
