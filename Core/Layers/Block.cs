using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A pre-norm transformer block: x + scale₁·attn(ln1 x), then + scale₂·mlp(ln2 x). Layer scales exist where the checkpoint has them.
/// Editing a branch's input never touches the stream itself.
/// </summary>
public sealed class Block : Module
{
    private readonly HookPoint _residPre, _attnIn, _qInput, _kInput, _vInput, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly LayerNorm _ln1Q, _ln1K, _ln1V;
    private readonly Weight? _scale1, _scale2;

    /// <summary>Declares <c>ln1</c>, <c>attn</c>, <c>ln2</c>, <c>mlp</c> and, where asked, <c>ls1</c> and <c>ls2</c> [d].</summary>
    public Block(Attention attention, Mlp mlp, double eps, bool layerScale = false)
    {
        var width = attention.Width;
        _residPre = Point(Site.ResidPre);
        _attnIn = PointOnDemand(Site.AttnIn);
        _qInput = PointOnDemand(Site.QInput);
        _kInput = PointOnDemand(Site.KInput);
        _vInput = PointOnDemand(Site.VInput);
        Ln1 = Child("ln1", new LayerNorm(width, eps, Site.Ln1Scale, Site.Ln1Normalized));
        _ln1Q = Child("", Ln1.WithPlaces(Site.Ln1QScale, Site.Ln1QNormalized));
        _ln1K = Child("", Ln1.WithPlaces(Site.Ln1KScale, Site.Ln1KNormalized));
        _ln1V = Child("", Ln1.WithPlaces(Site.Ln1VScale, Site.Ln1VNormalized));
        Attention = Child("attn", attention);
        _scale1 = layerScale ? Declare("ls1", width) : null;
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        Ln2 = Child("ln2", new LayerNorm(width, eps, Site.Ln2Scale, Site.Ln2Normalized));
        Mlp = Child("mlp", mlp);
        _scale2 = layerScale ? Declare("ls2", width) : null;
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>The norm before attention.</summary>
    public LayerNorm Ln1 { get; }

    /// <summary>The attention module.</summary>
    public Attention Attention { get; }

    /// <summary>The norm before the MLP.</summary>
    public LayerNorm Ln2 { get; }

    /// <summary>The MLP module.</summary>
    public Mlp Mlp { get; }

    /// <summary>One step of the residual stream [B, P, d].</summary>
    /// <param name="x">The stream.</param>
    /// <param name="run">The run.</param>
    /// <param name="visible">Which tokens may be looked at, bool [B, P]; all where null.</param>
    public Tensor Forward(Tensor x, HookRun run, Tensor? visible = null)
    {
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        var attended = SplitInputs(run) ? AttendSplit(x, run, visible) : Attention.Forward(Ln1.Forward(x, run), run, visible);
        if (_scale1 is not null) attended *= _scale1.Value;
        x = _residMid.Pass(x + _attnOut.Pass(attended, run), run);
        var moved = Mlp.Forward(Ln2.Forward(_mlpIn.Pass(x, run), run), run);
        if (_scale2 is not null) moved *= _scale2.Value;
        return _residPost.Pass(x + _mlpOut.Pass(moved, run), run).MoveToOuterDisposeScope();
    }

    private bool SplitInputs(HookRun run) =>
        run.Wants(_attnIn) || run.Wants(_qInput) || run.Wants(_kInput) || run.Wants(_vInput)
        || _ln1Q.IsWanted(run) || _ln1K.IsWanted(run) || _ln1V.IsWanted(run);

    // The plain norm's places stay on the path: what an edit there changes is added to every head's normalised input.
    private Tensor AttendSplit(Tensor x, HookRun run, Tensor? visible)
    {
        using var scope = NewDisposeScope();
        var shared = _attnIn.Pass(x.unsqueeze(2).expand(x.shape[0], x.shape[1], Attention.Heads, x.shape[2]), run);
        var (q, k, v) = (_qInput.Pass(shared, run), _kInput.Pass(shared, run), _vInput.Pass(shared, run));
        var whole = Ln1.IsWanted(run) || Attention.WantsInput(run) ? Ln1.Forward(x, run) : null;
        (q, k, v) = (_ln1Q.Forward(q, run), _ln1K.Forward(k, run), _ln1V.Forward(v, run));
        if (whole is not null)
        {
            var change = (Attention.PassInput(whole, run) - Ln1.Plain(x)).unsqueeze(2);
            (q, k, v) = (q + change, k + change, v + change);
        }
        return Attention.ForwardSplit(q, k, v, run, visible).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected internal override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
                Processing.FoldNorm(Ln1, Attention.Qkv);
                Processing.FoldNorm(Ln2, Mlp.In);
                break;
            case ProcessingStep.CenterWriting:
                Processing.CenterWriting(Attention.Out, _scale1);
                Processing.CenterWriting(Mlp.Out, _scale2);
                break;
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(Attention);
                break;
        }
    }
}
