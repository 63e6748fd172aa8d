using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// RoBERTa (Liu et al. 2019) or XLM-R (Conneau et al. 2019) as the text side of an open_clip model: post-norm blocks, positions counted over the
/// tokens that are no padding, the mean of these tokens' last states projected into the joint space.
/// </summary>
public sealed class RobertaText : TextTower
{
    private readonly RobertaTextConfig _config;
    private readonly Weight _tokens, _positions, _type;
    private readonly HookPoint _embed, _posEmbed, _fullEmbed, _lnPre, _postHead;
    private readonly Norm _norm;
    private readonly BertBlock[] _blocks;
    private readonly Linear? _hidden;
    private readonly Linear _head;

    /// <summary>Declares everything of the configuration, without values: <c>head</c> [e, d], or <c>head_in</c> [m, d] and <c>head</c> [e, m].</summary>
    public RobertaText(RobertaTextConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _tokens = Declare("token_embed", config.Vocabulary, config.Width);
        _positions = Declare("pos_embed", config.Positions, config.Width);
        _type = Declare("type_embed", 1, config.Width);
        _embed = Point(Site.Embed);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        var norm = LayerNorm.With(config.Eps);
        _norm = Child("ln_pre", norm(config.Width, Site.PreScale, Site.PreNormalized));
        _lnPre = Point(Site.LnPre);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new BertBlock(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            norm)))];
        if (config.ProjectionHidden > 0) _hidden = Child("head_in", new Linear(config.Width, config.ProjectionHidden, bias: false));
        _head = Child("head", new Linear(_hidden is null ? config.Width : config.ProjectionHidden, config.Projection, bias: false));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override int JointWidth => _config.Projection;

    /// <inheritdoc/>
    public override int Context => _config.Context;

    /// <inheritdoc/>
    public override (Tensor LastHidden, Tensor Pooled, Tensor? Projected) Forward(Tensor ids, Tensor? mask, HookRun run)
    {
        ids = TokenIds.Checked(ids, _config.Vocabulary, _config.Positions - _config.PadId - 1);
        using var scope = NewDisposeScope();
        var real = ids.ne(_config.PadId);
        var visible = TokenIds.Visible(mask ?? real, ids.shape[0], ids.shape[1], causal: false);
        var x = _lnPre.Pass(_norm.Forward(Embed(ids, real, run), run), run);
        var context = new AttentionContext { Visible = visible };
        foreach (var block in _blocks) x = block.Forward(x, run, context);
        var share = visible.to(x.dtype).unsqueeze(2);
        var pooled = (x * share).sum(1) / share.sum(1);
        var projected = _postHead.Pass(_head.Forward(_hidden is null ? pooled : nn.functional.gelu(_hidden.Forward(pooled))), run);
        return (x.MoveToOuterDisposeScope(), pooled.MoveToOuterDisposeScope(), projected.MoveToOuterDisposeScope());
    }

    // Padding has the position of its own id, tokens count on from there.
    private Tensor Embed(Tensor ids, Tensor real, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, count) = (ids.shape[0], ids.shape[1]);
        var counted = real.to(ScalarType.Int64);
        var places = counted.cumsum(1) * counted + _config.PadId;
        var tokens = _embed.Pass(_tokens.Value.index_select(0, ids.flatten()).view(batch, count, _config.Width), run);
        var positions = _posEmbed.Pass(_positions.Value.index_select(0, places.flatten()).view(batch, count, _config.Width), run);
        return _fullEmbed.Pass(tokens + positions + _type.Value, run).MoveToOuterDisposeScope();
    }
}
