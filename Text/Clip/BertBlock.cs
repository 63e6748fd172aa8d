using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// BERT's block (Devlin et al. 2018), whose norms stand on the stream itself: m = ln1(x + attn(x)), then ln2(m + mlp(m)). As in TransformerLens
/// <c>hook_resid_mid</c> and <c>hook_resid_post</c> lie before these norms, and the next block's <c>hook_resid_pre</c> behind them; so the stream is
/// no sum of what the blocks write.
/// </summary>
internal sealed class BertBlock : Module
{
    private readonly HookPoint _residPre, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly Attention _attention;
    private readonly FeedForward _mlp;
    private readonly Norm _ln1, _ln2;

    /// <summary>Declares <c>attn</c>, <c>ln1</c>, <c>mlp</c> and <c>ln2</c>.</summary>
    internal BertBlock(Attention attention, FeedForward mlp, NormFactory norm)
    {
        _residPre = StartPoint(Site.ResidPre);
        _attention = Child("attn", attention);
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _ln1 = Child("ln1", norm(attention.Width, Site.Ln1PostScale, Site.Ln1PostNormalized));
        _mlpIn = Point(Site.MlpIn);
        _mlp = Child("mlp", mlp);
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
        _ln2 = Child("ln2", norm(attention.Width, Site.Ln2PostScale, Site.Ln2PostNormalized));
    }

    /// <summary>One step of the stream [B, P, d].</summary>
    internal Tensor Forward(Tensor x, HookRun run, AttentionContext context)
    {
        if (run.Skips(_residPre)) return x;
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        var middle = _ln1.Forward(_residMid.Pass(x + _attnOut.Pass(_attention.Forward(x, run, context), run), run), run);
        var moved = _mlpOut.Pass(_mlp.Forward(_mlpIn.Pass(middle, run), run), run);
        return _ln2.Forward(_residPost.Pass(middle + moved, run), run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
                throw new OptionsException("fold-ln: the norms of a BERT stand on the stream itself, so what they scale is also kept.");
            case ProcessingStep.CenterWriting:
                throw new OptionsException("center-writing: the branches of a BERT read a stream whose norm has a gain and a bias, so its mean does count.");
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(_attention);
                break;
        }
    }
}
