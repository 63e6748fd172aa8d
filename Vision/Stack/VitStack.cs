using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// A plain vision transformer (Dosovitskiy et al. 2020) up to its last block: patches, class, distillation and register tokens, learned
/// positions, blocks. What comes after the stream differs between families and is theirs.
/// </summary>
public sealed class VitStack : Module
{
    private readonly PatchEmbed _patch;
    private readonly Weight[] _prefix;
    private readonly Weight? _pos;
    private readonly HookPoint _fullEmbed;
    private readonly HookPoint? _posEmbed, _lnPre;
    private readonly Norm? _preNorm;
    private readonly RelativeBias? _sharedBias;
    private readonly Func<Tensor, HookRun, AttentionContext?, Tensor>[] _blocks;

    /// <summary>
    /// Declares <c>cls_token</c>, <c>dist_token</c> and <c>reg_token</c> [1, n, d], <c>pos_embed</c> [1, positions, d], <c>patch</c>,
    /// <c>ln_pre</c>, <c>relative</c> and <c>blocks.i</c>, those that the configuration has.
    /// </summary>
    public VitStack(VitStackConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        _patch = Child("patch", new PatchEmbed(config.Channels, config.Width, config.Patch, config.PatchBias));
        var prefix = new List<Weight>();
        if (config.ClassToken) prefix.Add(Declare("cls_token", 1, 1, config.Width));
        if (config.DistillationToken) prefix.Add(Declare("dist_token", 1, 1, config.Width));
        if (config.Registers > 0) prefix.Add(Declare("reg_token", 1, config.Registers, config.Width));
        _prefix = [.. prefix];
        if (config.Positions != VitPositions.None)
        {
            _pos = Declare("pos_embed", 1, config.PrefixPositions + (config.Rows * config.Columns), config.Width);
            _posEmbed = Point(Site.PosEmbed);
        }
        _fullEmbed = Point(Site.FullEmbed);
        if (config.PreNorm)
        {
            _preNorm = Child("ln_pre", config.Norm(config.Width, Site.PreScale, Site.PreNormalized));
            _lnPre = Point(Site.LnPre);
        }
        if (config.Relative == RelativePositions.Shared) _sharedBias = Child("relative", new RelativeBias(config.Rows, config.Columns, config.Heads));
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => MakeBlock(i, config))];
    }

    /// <summary>The configuration.</summary>
    public VitStackConfig Config { get; }

    /// <summary>Runs the stack on pixels [B, C, H, W]: the stream after the last block [B, P, d].</summary>
    public Tensor Forward(Tensor pixels, HookRun run)
    {
        var x = Embed(pixels, run);
        if (_preNorm is not null && _lnPre is not null) x = _lnPre.Pass(_preNorm.Forward(x, run), run);
        var context = Config.Rotary is null && Config.Relative == RelativePositions.None ? null : new AttentionContext { Layout = LayoutOf(pixels) };
        foreach (var block in _blocks) x = block(x, run, context);
        return x;
    }

    /// <summary>The token grid of a picture.</summary>
    public TokenLayout LayoutOf(Tensor pixels) => _patch.LayoutOf(pixels, Config.Prefix);

    /// <summary>The mean of the patch tokens of a stream [B, P, d]: [B, d].</summary>
    public Tensor MeanOfPatches(Tensor x) => x.narrow(1, Config.Prefix, x.shape[1] - Config.Prefix).mean([1]);

    // A norm before the blocks undoes nothing of this, but makes it superfluous: the stream starts behind it.
    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting && !Config.PreNorm && _pos is not null) Processing.Center(_pos);
    }

    private Func<Tensor, HookRun, AttentionContext?, Tensor> MakeBlock(int number, VitStackConfig config)
    {
        var activation = Activation.Named(config.Activation);
        var neuronNorm = config.NeuronNorm ? config.Norm : null;
        FeedForward? mlp = config.Hidden == 0 ? null
            : config.Gated ? new GatedMlp(config.Width, config.Hidden, activation, config.OutBias, neuronNorm)
            : new Mlp(config.Width, config.Hidden, activation, config.OutBias, neuronNorm);
        var attention = new Attention(new AttentionOptions
        {
            Width = config.Width,
            Heads = config.Heads,
            HeadWidth = config.HeadWidth,
            Bias = config.QkvBias,
            OutBias = config.OutBias,
            Scale = config.ScaledScores ? null : 1,
            HeadNorm = config.HeadNorm ? config.Norm : null,
            InnerNorm = config.AttentionNorm ? config.Norm : null,
            ScoreBias = config.Relative switch
            {
                RelativePositions.PerBlock => new RelativeBias(config.Rows, config.Columns, config.Heads),
                RelativePositions.Shared => new BorrowedBias(_sharedBias!),
                _ => null,
            },
            Rotary = config.Rotary is { } rotary ? new GridRotary(rotary) : null,
        });
        return config.PostNorm && mlp is not null
            ? BlockChild($"blocks.{number}", number, new PostNormBlock(attention, mlp, config.Norm)).Forward
            : BlockChild($"blocks.{number}", number, new Block(attention, mlp, config.Norm, new BlockOptions { LayerScale = config.LayerScale })).Forward;
    }

    // Tokens with positions come first and stay in order; those without follow the ones before the patches.
    private Tensor Embed(Tensor pixels, HookRun run)
    {
        using var scope = NewDisposeScope();
        var patches = _patch.Forward(pixels, run);
        var prefix = _prefix.Select(token => token.Value.expand(pixels.shape[0], token.Shape[1], Config.Width)).ToList();
        if (_pos is null || _posEmbed is null) return _fullEmbed.Pass(cat([.. prefix, patches], 1), run).MoveToOuterDisposeScope();
        var layout = LayoutOf(pixels);
        var table = Positions.Resampled(_pos.Value, Config.PrefixPositions, layout.Rows, layout.Columns, Config.Antialias, (Config.Rows, Config.Columns));
        var positions = _posEmbed.Pass(table, run);
        var all = prefix.Count > 0 ? cat(prefix, 1) : null;
        var (with, without) = (Config.PrefixPositions, Config.Prefix - Config.PrefixPositions);
        var placed = (with > 0 ? cat([all!.narrow(1, 0, with), patches], 1) : patches) + positions;
        if (without > 0)
            placed = cat([placed.narrow(1, 0, with), all!.narrow(1, with, without), placed.narrow(1, with, placed.shape[1] - with)], 1);
        return _fullEmbed.Pass(placed, run).MoveToOuterDisposeScope();
    }
}
