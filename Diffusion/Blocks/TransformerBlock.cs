using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// One layer of a U-net's transformer: self-attention (in some U-nets attention to the text, too), cross-attention to the text, feed-forward;
/// each on a norm, each added.
/// </summary>
internal sealed class TransformerBlock : Module
{
    private readonly TokenNorm _norm1, _norm2, _norm3;
    private readonly CrossAttention _self, _cross;
    private readonly GatedFeedForward _feedForward;
    private readonly bool _readsTextTwice;

    internal TransformerBlock(SpatialTransformerOptions options)
    {
        var width = options.Heads * options.HeadWidth;
        _readsTextTwice = options.ReadsTextTwice;
        var attention = new CrossAttentionOptions
        {
            Width = width,
            Context = width,
            Heads = options.Heads,
            HeadWidth = options.HeadWidth,
            Upcast = options.Upcast,
            Pattern = Site.SelfPattern,
            Output = Site.SelfOut,
        };
        _norm1 = Child("norm1", new TokenNorm(width));
        _self = Child("attn1", new CrossAttention(attention with { Context = options.ReadsTextTwice ? options.Context : width }));
        _norm2 = Child("norm2", new TokenNorm(width));
        _cross = Child("attn2", new CrossAttention(attention with { Context = options.Context, Pattern = Site.CrossPattern, Output = Site.CrossOut }));
        _norm3 = Child("norm3", new TokenNorm(width));
        _feedForward = Child("ff", new GatedFeedForward(width));
    }

    /// <summary>One step of the tokens' stream [B, P, d].</summary>
    internal Tensor Forward(Tensor x, Tensor text, HookRun run)
    {
        using var scope = NewDisposeScope();
        var read = _norm1.Forward(x);
        x += _self.Forward(read, _readsTextTwice ? text : read, run);
        x += _cross.Forward(_norm2.Forward(x), text, run);
        return (x + _feedForward.Forward(_norm3.Forward(x), run)).MoveToOuterDisposeScope();
    }
}
