using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>A clip as it was given, in one order of axes.</summary>
internal static class ClipPixels
{
    /// <summary>The clip as [B, C, T, H, W], a view. Where both orders would fit, it is read in the model's own.</summary>
    /// <exception cref="ShapeException">No clip with this many channels, or whole numbers.</exception>
    internal static Tensor ChannelsFirst(Tensor clip, string name, int channels, ClipOrder order)
    {
        var shape = clip.shape;
        var (own, other) = order == ClipOrder.FramesFirst ? (2, 1) : (1, 2);
        if (shape.Length != 5 || (shape[own] != channels && shape[other] != channels))
            throw new ShapeException($"{name} is [{string.Join(", ", shape)}]; expected {Expected(channels, order)}.");
        if (!clip.is_floating_point())
            throw new ShapeException($"{name} holds {clip.dtype}; expected prepared frames in floating-point numbers, as 'prisma preprocess' writes them.");
        return (shape[own] == channels ? own : other) == 2 ? clip.transpose(1, 2) : clip.alias();
    }

    /// <summary>Refuses a clip that is not of the size that fixed positions were made for.</summary>
    /// <exception cref="ShapeException">It is not.</exception>
    internal static void RequireSize(Tensor channelsFirst, string name, int frames, int height, int width)
    {
        var shape = channelsFirst.shape;
        if (shape[2] != frames || shape[3] != height || shape[4] != width)
            throw new ShapeException($"{name} has {shape[2]} frames of {shape[4]}x{shape[3]} (width x height); the positions of this checkpoint are for {frames} frames of {width}x{height}, and its reference resizes them for no other clip.");
    }

    private static string Expected(int channels, ClipOrder order) =>
        order == ClipOrder.FramesFirst ? $"[batch, frames, {channels}, height, width]" : $"[batch, {channels}, frames, height, width]";
}
