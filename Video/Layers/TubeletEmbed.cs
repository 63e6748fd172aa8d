using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// Cuts a clip [B, C, T, H, W] into boxes of a few frames (tubelets) and projects each: [B, N, d], time steps first, then rows, then
/// columns. What is left at the far ends of time and space is cut off, as a strided convolution does.
/// </summary>
public sealed class TubeletEmbed : Module
{
    private readonly Weight _kernel, _bias;
    private readonly HookPoint _embed;
    private readonly int _time, _height, _width;

    /// <summary>Declares <c>weight</c> [d, C, t, h, w] and <c>bias</c> [d].</summary>
    public TubeletEmbed(int channels, long width, int time, int patchHeight, int patchWidth)
    {
        (_time, _height, _width) = (time, patchHeight, patchWidth);
        _kernel = Declare("weight", width, channels, time, patchHeight, patchWidth);
        _bias = Declare("bias", width);
        _embed = Point(Site.Embed);
    }

    /// <summary>Projects the tubelets; visits <see cref="Site.Embed"/>.</summary>
    /// <exception cref="ShapeException">The clip is smaller than one tubelet.</exception>
    public Tensor Forward(Tensor clip, HookRun run)
    {
        using var scope = NewDisposeScope();
        var layout = LayoutOf(clip, 0);
        if (layout.GridTokens == 0)
            throw new ShapeException($"A clip of {clip.shape[2]} frames of {clip.shape[4]}x{clip.shape[3]} is smaller than one tubelet of {_time} frames of {_width}x{_height}.");
        var (batch, channels, width) = (clip.shape[0], clip.shape[1], _kernel.Shape[0]);
        clip = clip.to(_kernel.Value.dtype).narrow(2, 0, layout.Frames * _time).narrow(3, 0, layout.Rows * _height).narrow(4, 0, layout.Columns * _width);
        // One product over the cut boxes: the same sums as a strided convolution, at the speed of a matrix product.
        var boxes = clip.reshape(batch, channels, layout.Frames, _time, layout.Rows, _height, layout.Columns, _width)
            .permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(batch, layout.GridTokens, channels * _time * _height * _width);
        var tokens = nn.functional.linear(boxes, _kernel.Value.view(width, -1), _bias.Value);
        return _embed.Pass(tokens, run).MoveToOuterDisposeScope();
    }

    /// <summary>The token grid of a clip [B, C, T, H, W].</summary>
    public TokenLayout LayoutOf(Tensor clip, int prefix)
    {
        var shape = clip.shape;
        return new TokenLayout(prefix, (int)(shape[2] / _time), (int)(shape[3] / _height), (int)(shape[4] / _width), _height, _width, _time);
    }
}
