using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// CLIP's image tower (Radford et al. 2021): patches without bias, class token, learned positions, a norm, pre-norm blocks, a final norm,
/// the class token projected into the joint space. The final norm is applied to all tokens, so that its places see them; each token's
/// norm depends on that token alone. In CoCa learned queries read the tokens, and what they read is normalised and projected.
/// </summary>
public sealed class ClipVision : ImageTower
{
    private readonly PatchEmbed _patch;
    private readonly Weight _cls, _pos;
    private readonly HookPoint _posEmbed, _fullEmbed, _lnFinal;
    private readonly HookPoint? _lnPre, _postHead;
    private readonly LayerNorm? _preNorm;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly QueryPool? _pool;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public ClipVision(ClipVisionConfig config)
    {
        Config = config;
        _patch = Child("patch", new PatchEmbed(config.Channels, config.Width, config.Patch, bias: false));
        _cls = Declare("cls_token", 1, 1, config.Width);
        var side = config.Image / config.Patch;
        _pos = Declare("pos_embed", 1, 1 + side * side, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        if (config.PreNorm)
        {
            _preNorm = Child("ln_pre", new LayerNorm(config.Width, config.Eps, Site.PreScale, Site.PreNormalized));
            _lnPre = Point(Site.LnPre);
        }
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps),
            new BlockOptions { LayerScale = config.LayerScale })))];
        if (config.PoolQueries > 0) _pool = PartChild("head", new QueryPool(config.PoolQueries, config.PoolHeads, config.Width, config.Projection, config.Eps));
        var pooled = _pool is null ? config.Width : config.Projection;
        _norm = Child("ln_final", new LayerNorm(pooled, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Projection == 0) return;
        _head = Child("head", new Linear(pooled, config.Projection, bias: false));
        _postHead = Point(Site.PostHead);
    }

    /// <summary>The configuration.</summary>
    public ClipVisionConfig Config { get; }

    /// <inheritdoc/>
    public override int JointWidth => Config.Projection;

    /// <inheritdoc/>
    public override Norm FinalNorm => _norm;

    /// <inheritdoc/>
    public override Linear? Readout => _pool is null ? _head : null;

    /// <inheritdoc/>
    public override int? ReadToken => Config.MeanPooling || _pool is not null ? null : 0;

    // The last hidden state is without the final norm, as in the reference.
    /// <inheritdoc/>
    public override TowerOutput Forward(ModelInput input, HookRun run)
    {
        var x = Embed(input["pixel_values"], run);
        if (_preNorm is not null && _lnPre is not null) x = _lnPre.Pass(_preNorm.Forward(x, run), run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        var normsPooled = Config.NormAfterPooling && _pool is null;
        var normed = normsPooled ? Pool(x) : _pool?.Forward(x, run) ?? x;
        normed = _lnFinal.Pass(_norm.Forward(normed, run), run);
        var pooled = (normsPooled ? normed : Pool(normed)).squeeze(1);
        return new TowerOutput(x, pooled, _head is null || _postHead is null ? null : _postHead.Pass(_head.Forward(pooled), run));
    }

    /// <inheritdoc/>
    public override TokenLayout? LayoutOf(ModelInput input) => _patch.LayoutOf(input["pixel_values"], prefix: 1);

    // A norm before the blocks undoes nothing of this, but makes it superfluous: the stream starts behind it.
    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting && !Config.PreNorm) Processing.Center(_pos);
    }

    // [B, 1, d].
    private Tensor Pool(Tensor x) => Config.MeanPooling ? x.narrow(1, 1, x.shape[1] - 1).mean([1], keepdim: true) : x.narrow(1, 0, 1);

    private Tensor Embed(Tensor pixels, HookRun run)
    {
        using var scope = NewDisposeScope();
        var patches = _patch.Forward(pixels, run);
        var layout = _patch.LayoutOf(pixels, prefix: 1);
        var positions = _posEmbed.Pass(Positions.Resampled(_pos.Value, 1, layout.Rows, layout.Columns, Config.Antialias), run);
        var tokens = cat([_cls.Value.expand(pixels.shape[0], 1, Config.Width), patches], 1);
        return _fullEmbed.Pass(tokens + positions, run).MoveToOuterDisposeScope();
    }
}
