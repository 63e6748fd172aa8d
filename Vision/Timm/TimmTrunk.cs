using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>timm's VisionTransformer as a module: by itself a classifier, or the image side of a model of pictures and texts.</summary>
public sealed class TimmTrunk : Module
{
    private readonly TimmVitConfig _config;
    private readonly VitStack _stack;
    private readonly ClosingNorm? _norm, _pooledNorm;
    private readonly AttentionPool? _pool;
    private readonly Linear? _head, _distilled;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public TimmTrunk(TimmVitConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        var stack = config.Stack;
        _stack = Child("", new VitStack(stack));
        if (config.Norm) _norm = Child("ln_final", new ClosingNorm(stack.Width, stack.Norm));
        if (config.Pool == TimmPool.Attention)
            _pool = PartChild("head", new AttentionPool(stack.Width, config.PoolHeads ?? stack.Heads, config.PoolHidden, Activation.Named(config.PoolActivation), stack.Norm));
        if (config.PooledNorm) _pooledNorm = Child("ln_final", new ClosingNorm(stack.Width, stack.Norm));
        if (config.Classes == 0) return;
        _head = Child("classifier", new Linear(stack.Width, config.Classes));
        if (stack.DistillationToken) _distilled = Child("classifier_dist", new Linear(stack.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <summary>The norm before the head.</summary>
    /// <exception cref="PrismaException">This architecture has none.</exception>
    public Norm FinalNorm => (_norm ?? _pooledNorm)?.Norm ?? throw new PrismaException("This architecture has no norm after its last block.");

    /// <summary>Whether what is pooled is a token or the mean of the patches, normalised.</summary>
    public bool ReadsPlainly => (_config.Norm || _config.PooledNorm) && (_config.Pool == TimmPool.Token || (_config.Pool == TimmPool.Average && !_config.PoolsPrefix));

    /// <summary>The classifier, where it reads such a state.</summary>
    public Linear? Readout => ReadsPlainly ? _head : null;

    /// <summary>The token that the classifier reads; null where it reads the mean of the patches.</summary>
    public int? ReadToken => _config.Pool == TimmPool.Token ? 0 : null;

    /// <summary>The token grid of a picture.</summary>
    public TokenLayout LayoutOf(Tensor pixels) => _stack.LayoutOf(pixels);

    /// <summary>Runs the trunk on pixels [B, C, H, W].</summary>
    /// <returns>The stream [B, P, d], normalised unless the norm comes after pooling; the pooled state [B, d]; the logits, or that state again.</returns>
    public (Tensor Features, Tensor Pooled, Tensor Logits) Forward(Tensor pixels, HookRun run)
    {
        var x = _stack.Forward(pixels, run);
        if (_norm is not null) x = _norm.Forward(x, run);
        if (_config.Stack.DistillationToken) return Distilled(x, run);
        var pooled = Pool(x, run);
        if (_pooledNorm is not null) pooled = _pooledNorm.ForwardPooled(pooled, run);
        return (x, pooled, _head is null || _postHead is null ? pooled : _postHead.Pass(_head.Forward(pooled), run));
    }

    // Each token has its own classifier; what counts is their mean.
    private (Tensor Features, Tensor Pooled, Tensor Logits) Distilled(Tensor x, HookRun run)
    {
        var (cls, distilled) = (x.select(1, 0), x.select(1, 1));
        var pooled = (cls + distilled) / 2;
        return (x, pooled, _head is null || _distilled is null || _postHead is null
            ? pooled
            : _postHead.Pass((_head.Forward(cls) + _distilled.Forward(distilled)) / 2, run));
    }

    private Tensor Pool(Tensor x, HookRun run)
    {
        if (_config.Pool == TimmPool.None) return x;
        if (_config.Pool == TimmPool.Token) return x.select(1, 0);
        using var scope = NewDisposeScope();
        var prefix = _config.PoolsPrefix ? 0 : _config.Stack.Prefix;
        var tokens = x.narrow(1, prefix, x.shape[1] - prefix);
        var pooled = _config.Pool switch
        {
            TimmPool.Attention => _pool!.Forward(tokens, run),
            TimmPool.Average => tokens.mean([1]),
            TimmPool.Max => tokens.amax([1]),
            _ => (tokens.amax([1]) + tokens.mean([1])) * 0.5,
        };
        return pooled.MoveToOuterDisposeScope();
    }
}
