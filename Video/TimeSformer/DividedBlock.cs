using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// A block with divided attention (Bertasius et al. 2021): first every place looks along time, then every frame looks over itself, with
/// the class token repeated for each frame and its results averaged. Tokens: class, then places with their time steps inside (space-major).
/// </summary>
public sealed class DividedBlock : Module
{
    private readonly HookPoint _residPre, _temporalOut, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly LayerNorm _temporalNorm, _ln1, _ln2;
    private readonly Attention _temporal, _spatial;
    private readonly Linear _temporalDense;
    private readonly Mlp _mlp;

    /// <summary>Declares <c>temporal_ln</c>, <c>temporal_attn</c>, <c>temporal_dense</c>, <c>ln1</c>, <c>attn</c>, <c>ln2</c> and <c>mlp</c>.</summary>
    public DividedBlock(AttentionOptions attention, Mlp mlp, double eps)
    {
        var width = attention.Width;
        _residPre = Point(Site.ResidPre);
        _temporalNorm = Child("temporal_ln", new LayerNorm(width, eps, Site.TemporalScale, Site.TemporalNormalized));
        _temporal = Child("temporal_attn", new Attention(attention with { Places = AttentionPlaces.Temporal }));
        _temporalDense = Child("temporal_dense", new Linear(width, width));
        _temporalOut = Point(Site.TemporalOut);
        _ln1 = Child("ln1", new LayerNorm(width, eps, Site.Ln1Scale, Site.Ln1Normalized));
        _spatial = Child("attn", new Attention(attention));
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        _ln2 = Child("ln2", new LayerNorm(width, eps, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", mlp);
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>One step of the residual stream [B, 1 + N·T, d].</summary>
    /// <param name="x">The stream.</param>
    /// <param name="frames">T.</param>
    /// <param name="run">The run.</param>
    public Tensor Forward(Tensor x, long frames, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        var (batch, width) = (x.shape[0], x.shape[2]);
        var places = (x.shape[1] - 1) / frames;
        var (cls, patches) = (x.narrow(1, 0, 1), x.narrow(1, 1, places * frames));

        // [B, N·T, d] → [B·N, T, d]: places lie outside, so this is a view.
        var alongTime = _temporal.Forward(_temporalNorm.Forward(patches.reshape(batch * places, frames, width), run), run);
        patches = patches + _temporalOut.Pass(_temporalDense.Forward(alongTime.view(batch, places * frames, width)), run);

        // → [B·T, 1 + N, d]: each frame with a copy of the class token.
        var perFrame = patches.view(batch, places, frames, width).transpose(1, 2).reshape(batch * frames, places, width);
        var copies = cls.expand(batch, frames, width).reshape(batch * frames, 1, width);
        var seen = _spatial.Forward(_ln1.Forward(cat([copies, perFrame], 1), run), run).view(batch, frames, 1 + places, width);
        var clsUpdate = seen.select(2, 0).mean([1], keepdim: true);
        var patchUpdate = seen.narrow(2, 1, places).transpose(1, 2).reshape(batch, places * frames, width);

        var middle = _residMid.Pass(cat([cls, patches], 1) + _attnOut.Pass(cat([clsUpdate, patchUpdate], 1), run), run);
        var moved = _mlpOut.Pass(_mlp.Forward(_ln2.Forward(_mlpIn.Pass(middle, run), run), run), run);
        return _residPost.Pass(middle + moved, run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
                Processing.FoldNorm(_temporalNorm, _temporal.Qkv);
                Processing.FoldNorm(_ln1, _spatial.Qkv);
                Processing.FoldNorm(_ln2, _mlp.In);
                break;
            case ProcessingStep.CenterWriting:
                Processing.CenterWriting(_temporalDense);
                Processing.CenterWriting(_spatial.Out);
                Processing.CenterWriting(_mlp.Out);
                break;
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(_temporal);
                Processing.FoldValueBiases(_spatial);
                break;
        }
    }
}
