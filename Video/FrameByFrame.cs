using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// A model of single pictures (CLIP, DINO, ViT) on clips: every frame is asked alone, frames stand on the batch axis, and what comes out
/// is put together over time. The plan, its places and its edits are the picture model's own. Borrows the model.
/// </summary>
/// <param name="model">Takes pictures [B, C, H, W] as its first input.</param>
public sealed class FrameByFrame(HookedModel model)
{
    /// <summary>The picture model.</summary>
    public HookedModel Model => model;

    /// <summary>Runs all frames of clips [B, T, C, H, W] as a batch of B·T pictures. Dispose the recording.</summary>
    /// <exception cref="ShapeException">The clips have another rank, or the pictures do not fit the model.</exception>
    public Recording Run(Tensor clips, HookPlan plan)
    {
        using var scope = NewDisposeScope();
        return model.Run(Pictures(clips), plan);
    }

    /// <summary>How the patches of all frames lie on a clip, without the tokens that have no place; null where the model's tokens have none.</summary>
    public TokenLayout? LayoutOf(Tensor clips)
    {
        using var scope = NewDisposeScope();
        return model.LayoutOf(Pictures(clips)) is { } layout ? layout with { Prefix = 0, Frames = (int)clips.shape[1] } : null;
    }

    /// <summary>The patches of all frames as the tokens of a clip, time steps first: from [B·T, P, d] to [B, T·N, d]. The caller (or its scope) disposes it.</summary>
    /// <param name="perFrame">A kept value with all tokens of each frame.</param>
    /// <param name="clips">The clips that were run.</param>
    /// <exception cref="ShapeException">The value is not of this run.</exception>
    public Tensor Tokens(Tensor perFrame, Tensor clips)
    {
        ArgumentNullException.ThrowIfNull(perFrame);
        ArgumentNullException.ThrowIfNull(clips);
        using var scope = NewDisposeScope();
        var layout = model.LayoutOf(Pictures(clips)) ?? throw new ShapeException($"The tokens of {model.Card.Name} have no place in a picture.");
        var (batch, frames) = (clips.shape[0], clips.shape[1]);
        if (perFrame.ndim != 3 || perFrame.shape[0] != batch * frames || perFrame.shape[1] != layout.Tokens)
            throw new ShapeException($"A value of {frames} frames of {batch} clips is [{batch * frames}, {layout.Tokens}, d], got [{string.Join(", ", perFrame.shape)}].");
        return perFrame.narrow(1, layout.Prefix, layout.GridTokens).reshape(batch, frames * layout.GridTokens, perFrame.shape[2]).MoveToOuterDisposeScope();
    }

    /// <summary>The mean over time, such as of logits or embeddings: from [B·T, …] to [B, …]. The caller (or its scope) disposes it.</summary>
    public static Tensor Mean(Tensor perFrame, long clips)
    {
        ArgumentNullException.ThrowIfNull(perFrame);
        using var scope = NewDisposeScope();
        return perFrame.reshape([clips, -1, .. perFrame.shape[1..]]).mean([1L]).MoveToOuterDisposeScope();
    }

    private static Tensor Pictures(Tensor clips)
    {
        ArgumentNullException.ThrowIfNull(clips);
        return clips.ndim == 5
            ? clips.reshape([-1, .. clips.shape[2..]])
            : throw new ShapeException($"Clips are [batch, time, channels, height, width], got [{string.Join(", ", clips.shape)}].");
    }
}
