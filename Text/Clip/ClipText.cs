using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// CLIP's text tower (Radford et al. 2021): token and position embeddings, causal pre-norm blocks, a final norm, the end token's state
/// projected into the joint space. Part of two-tower models, and by itself the text encoder of diffusion models. CoCa's (Yu et al. 2022) ends in a
/// class token of its own, which is what is pooled; the last hidden state is then the stream of the other tokens, without the final norm.
/// </summary>
public sealed class ClipText : TextTower
{
    private readonly Weight _tokens, _pos;
    private readonly Weight? _cls;
    private readonly HookPoint _embed, _posEmbed, _fullEmbed, _lnFinal;
    private readonly HookPoint? _postHead;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public ClipText(ClipTextConfig config)
    {
        Config = config;
        _tokens = Declare("token_embed", config.Vocabulary, config.Width);
        if (config.ClassToken) _cls = Declare("cls_token", 1, 1, config.Width);
        _pos = Declare("pos_embed", 1, config.Context + (config.ClassToken ? 1 : 0), config.Width);
        _embed = Point(Site.Embed);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads, Causal = config.Causal }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps),
            new BlockOptions { LayerScale = config.LayerScale })))];
        _norm = Child("ln_final", new LayerNorm(config.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Projection == 0) return;
        _head = Child("head", new Linear(config.Width, config.Projection, config.ProjectionBias));
        _postHead = Point(Site.PostHead);
    }

    /// <summary>The configuration.</summary>
    public ClipTextConfig Config { get; }

    /// <inheritdoc/>
    public override int JointWidth => Config.Projection;

    /// <inheritdoc/>
    public override int Context => Config.Context;

    /// <inheritdoc/>
    public override (Tensor LastHidden, Tensor Pooled, Tensor? Projected) Forward(Tensor ids, Tensor? mask, HookRun run)
    {
        ids = TokenIds.Checked(ids, Config.Vocabulary, Config.Context);
        var seen = _cls is null ? mask is null ? null : TokenIds.Visible(mask, ids.shape[0], ids.shape[1], Config.Causal) : BesideClass(ids, mask);
        var context = seen is null ? null : new AttentionContext { Visible = seen };
        var x = Embed(ids, run);
        foreach (var block in _blocks) x = block.Forward(x, run, context);
        var stream = x;
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        var pooled = Pool(x, ids);
        if (_cls is not null) x = stream.narrow(1, 0, ids.shape[1]);
        if (_head is null || _postHead is null) return (x, pooled, null);
        var projected = _postHead.Pass(_head.Forward(pooled), run);
        return Config.PoolsProjected ? (x, projected, null) : (x, pooled, projected);
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step != ProcessingStep.CenterWriting) return;
        Processing.Center(_tokens);
        Processing.Center(_pos);
        if (_cls is not null) Processing.Center(_cls);
    }

    private Tensor Embed(Tensor ids, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, count) = (ids.shape[0], ids.shape[1]);
        var tokens = _embed.Pass(_tokens.Value.index_select(0, ids.flatten()).view(batch, count, Config.Width), run);
        if (_cls is not null) tokens = cat([tokens, _cls.Value.expand(batch, 1, Config.Width)], 1);
        var positions = _posEmbed.Pass(_pos.Value.narrow(1, 0, tokens.shape[1]), run);
        return _fullEmbed.Pass(tokens + positions, run).MoveToOuterDisposeScope();
    }

    // CoCa's checkpoints were trained with the mask one place too far left: token j + 1 may be looked at where token j is no padding, the first always.
    private Tensor BesideClass(Tensor ids, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var real = mask is null ? ids.ne(Config.PadId) : TokenIds.Visible(mask, ids.shape[0], ids.shape[1], Config.Causal);
        return cat([ones(ids.shape[0], 1, dtype: ScalarType.Bool, device: ids.device), real], 1).MoveToOuterDisposeScope();
    }

    private Tensor Pool(Tensor x, Tensor ids)
    {
        using var scope = NewDisposeScope();
        if (_cls is not null) return x.select(1, ids.shape[1]).MoveToOuterDisposeScope();
        if (Config.Pooling is ClipPooling.First or ClipPooling.Last)
            return x.select(1, Config.Pooling == ClipPooling.First ? 0 : x.shape[1] - 1).MoveToOuterDisposeScope();
        var at = (Config.Pooling == ClipPooling.GreatestId ? ids : ids.eq(Config.EndId).to(ScalarType.Int32)).argmax(1);
        return x.gather(1, at.view(-1, 1, 1).expand(x.shape[0], 1, x.shape[2])).squeeze(1).MoveToOuterDisposeScope();
    }
}
