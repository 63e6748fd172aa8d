using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A pre-norm transformer block: x + scale₁·post₁(attn(ln1 x)), then + scale₂·post₂(mlp(ln2 x)); layer scales and post-norms exist where
/// the checkpoint has them, and a block may be attention alone. In the parallel form both branches read x. Editing a branch's input never
/// touches the stream itself.
/// </summary>
public sealed class Block : Module
{
    private readonly HookPoint _residPre, _attnIn, _qInput, _kInput, _vInput, _attnOut, _residPost;
    private readonly HookPoint? _residMid, _mlpIn, _mlpOut;
    private readonly bool _sharedNorm;
    private readonly Norm _ln1Q, _ln1K, _ln1V;
    private readonly Norm? _post1, _post2;
    private readonly Weight? _scale1, _scale2;
    private TokenBlock? _token;

    /// <summary>
    /// Declares <c>ln1</c>, <c>attn</c>, <c>ln2</c>, <c>mlp</c> and, where asked, <c>ls1</c> and <c>ls2</c> [d], <c>ln1_post</c> and
    /// <c>ln2_post</c>; no <c>ln2</c> where the first norm serves both; neither <c>ln2</c> nor <c>mlp</c> where the latter is null.
    /// </summary>
    public Block(Attention attention, FeedForward? mlp, NormFactory norm, BlockOptions? options = null)
    {
        options ??= new BlockOptions();
        if (options.SharedNorm && !options.Parallel) throw new ArgumentException("A shared norm needs parallel branches.", nameof(options));
        if (mlp is null && options != new BlockOptions()) throw new ArgumentException("A block of attention alone has no other options.", nameof(options));
        var width = attention.Width;
        _residPre = StartPoint(Site.ResidPre);
        _attnIn = PointOnDemand(Site.AttnIn);
        _qInput = PointOnDemand(Site.QInput);
        _kInput = PointOnDemand(Site.KInput);
        _vInput = PointOnDemand(Site.VInput);
        Ln1 = Child("ln1", norm(width, Site.Ln1Scale, Site.Ln1Normalized));
        _ln1Q = Child("", Ln1.WithPlaces(Site.Ln1QScale, Site.Ln1QNormalized));
        _ln1K = Child("", Ln1.WithPlaces(Site.Ln1KScale, Site.Ln1KNormalized));
        _ln1V = Child("", Ln1.WithPlaces(Site.Ln1VScale, Site.Ln1VNormalized));
        Attention = Child("attn", attention);
        _post1 = options.PostNorms ? Child("ln1_post", norm(width, Site.Ln1PostScale, Site.Ln1PostNormalized)) : null;
        _scale1 = options.LayerScale ? Declare("ls1", width) : null;
        _attnOut = Point(Site.AttnOut);
        _sharedNorm = options.SharedNorm;
        if (mlp is null)
        {
            _residPost = Point(Site.ResidPost);
            return;
        }
        _residMid = options.Parallel ? null : Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        Ln2 = options.SharedNorm ? Child("", Ln1.WithPlaces(Site.Ln2Scale, Site.Ln2Normalized)) : Child("ln2", norm(width, Site.Ln2Scale, Site.Ln2Normalized));
        Mlp = Child("mlp", mlp);
        _post2 = options.PostNorms ? Child("ln2_post", norm(width, Site.Ln2PostScale, Site.Ln2PostNormalized)) : null;
        _scale2 = options.LayerScale ? Declare("ls2", width) : null;
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>The norm before attention.</summary>
    public Norm Ln1 { get; }

    /// <summary>The attention module.</summary>
    public Attention Attention { get; }

    /// <summary>The norm before the MLP; over the weights of <see cref="Ln1"/> where one serves both; null without an MLP.</summary>
    public Norm? Ln2 { get; }

    /// <summary>The MLP module; null where the block is attention alone.</summary>
    public FeedForward? Mlp { get; }

    /// <summary>What the attention's output is multiplied by, channel by channel: [d]; null where the checkpoint has no layer scale.</summary>
    public Weight? AttentionScale => _scale1;

    internal Weight? MlpScale => _scale2;

    internal Norm? AttentionPost => _post1;

    internal Norm? MlpPost => _post2;

    internal bool IsParallel => _residMid is null && Mlp is not null;

    /// <summary>One step of the residual stream [B, P, d].</summary>
    /// <param name="x">The stream.</param>
    /// <param name="run">The run.</param>
    /// <param name="context">Masks, positions and memory of attention; plain where null.</param>
    public Tensor Forward(Tensor x, HookRun run, AttentionContext? context = null)
    {
        if (run.Skips(_residPre)) return x;
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        if (AtOnce(x, run, context) is { } whole) return _residPost.Pass(whole, run).MoveToOuterDisposeScope();
        var attended = SplitInputs(run) ? AttendSplit(x, run, context) : Attention.Forward(Ln1.Forward(x, run), run, context);
        attended = _attnOut.Pass(Written(attended, _post1, _scale1, run), run);
        if (Mlp is null || Ln2 is null || _mlpIn is null || _mlpOut is null) return _residPost.Pass(x + attended, run).MoveToOuterDisposeScope();
        var middle = _residMid is null ? x : _residMid.Pass(x + attended, run);
        var moved = Mlp.Forward(Ln2.Forward(_mlpIn.Pass(middle, run), run), run);
        moved = _mlpOut.Pass(Written(moved, _post2, _scale2, run), run);
        return _residPost.Pass((_residMid is null ? x + attended : middle) + moved, run).MoveToOuterDisposeScope();
    }

    // The stream behind the block where one token goes through it and nobody looks inside; else null.
    private Tensor? AtOnce(Tensor x, HookRun run, AttentionContext? context)
    {
        if (context?.Memory is null || is_grad_enabled() || run.WantsBetween(_residPre, _residPost) || !Attention.ReadsOnlyMemory(run, context)) return null;
        var token = _token is { IsCurrent: true } current ? current : _token = TokenBlock.Of(this);
        return token.Run(Attention, x, context);
    }

    private static Tensor Written(Tensor x, Norm? post, Weight? scale, HookRun run)
    {
        if (post is not null) x = post.Forward(x, run);
        return scale is null ? x : x * scale.Value;
    }

    private bool SplitInputs(HookRun run) =>
        run.Wants(_attnIn) || run.Wants(_qInput) || run.Wants(_kInput) || run.Wants(_vInput)
        || _ln1Q.IsWanted(run) || _ln1K.IsWanted(run) || _ln1V.IsWanted(run);

    // The plain norm's places stay on the path: what an edit there changes is added to every head's normalised input. Where query heads
    // share a key head, the first of them gives it its input.
    private Tensor AttendSplit(Tensor x, HookRun run, AttentionContext? context)
    {
        using var scope = NewDisposeScope();
        var shared = _attnIn.Pass(x.unsqueeze(2).expand(x.shape[0], x.shape[1], Attention.Heads, x.shape[2]), run);
        var grouped = Attention.KeyHeads == Attention.Heads ? shared
            : shared.view(x.shape[0], x.shape[1], Attention.KeyHeads, Attention.Heads / Attention.KeyHeads, x.shape[2]).select(3, 0);
        var (q, k, v) = (_qInput.Pass(shared, run), _kInput.Pass(grouped, run), _vInput.Pass(grouped, run));
        var whole = Ln1.IsWanted(run) || Attention.WantsInput(run) ? Ln1.Forward(x, run) : null;
        (q, k, v) = (_ln1Q.Forward(q, run), _ln1K.Forward(k, run), _ln1V.Forward(v, run));
        if (whole is not null)
        {
            var change = (Attention.PassInput(whole, run) - Ln1.Plain(x)).unsqueeze(2);
            (q, k, v) = (q + change, k + change, v + change);
        }
        return Attention.ForwardSplit(q, k, v, run, context).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected internal override void Process(ProcessingStep step)
    {
        _token = null;
        switch (step)
        {
            case ProcessingStep.FoldLn when _sharedNorm && Mlp is not null:
                Processing.FoldNorm(Ln1, Attention.Qkv, Mlp.In);
                break;
            case ProcessingStep.FoldLn:
                Processing.FoldNorm(Ln1, Attention.Qkv);
                if (Ln2 is not null && Mlp is not null) Processing.FoldNorm(Ln2, Mlp.In);
                break;
            case ProcessingStep.CenterWriting:
                if (!Ln1.Centres || _post1 is not null)
                    throw new OptionsException("center-writing: the norms of this model keep the mean of the stream, so taking it away from what is written would change the model.");
                Processing.CenterWriting(Attention.Out, _scale1);
                if (Mlp is not null) Processing.CenterWriting(Mlp.Out, _scale2);
                break;
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(Attention);
                break;
        }
    }
}
