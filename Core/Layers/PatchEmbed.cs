using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Cuts a picture [B, C, H, W] into patches and projects each: [B, N, d] in raster order. One strided convolution.</summary>
public sealed class PatchEmbed : Module
{
    private readonly Weight _kernel;
    private readonly Weight? _bias;
    private readonly HookPoint _embed;
    private readonly int _channels;

    /// <summary>Declares <c>weight</c> [d, C, p, p] and, where asked, <c>bias</c> [d].</summary>
    public PatchEmbed(int channels, long width, int patch, bool bias = true)
    {
        (_channels, PatchSize) = (channels, patch);
        _kernel = Declare("weight", width, channels, patch, patch);
        _bias = bias ? Declare("bias", width) : null;
        _embed = Point(Site.Embed);
    }

    /// <summary>The side of a patch in pixels.</summary>
    public int PatchSize { get; }

    /// <summary>Projects the patches; visits <see cref="Site.Embed"/>.</summary>
    /// <exception cref="ShapeException">The picture is no [B, C, H, W] of at least one patch with this many channels, or holds whole numbers.</exception>
    public Tensor Forward(Tensor pixels, HookRun run)
    {
        using var scope = NewDisposeScope();
        var shape = pixels.shape;
        if (shape.Length != 4 || shape[1] != _channels || shape[2] < PatchSize || shape[3] < PatchSize)
            throw new ShapeException($"pixel_values is [{string.Join(", ", shape)}]; expected [batch, {_channels}, height, width] with sides of at least {PatchSize}.");
        if (!pixels.is_floating_point())
            throw new ShapeException($"pixel_values holds {pixels.dtype}; expected prepared pictures in floating-point numbers, as 'prisma preprocess' writes them.");
        pixels = pixels.to(_kernel.Value.dtype);
        var patches = nn.functional.conv2d(pixels, _kernel.Value, _bias?.Value, strides: [PatchSize, PatchSize]);
        return _embed.Pass(patches.flatten(2).transpose(1, 2), run).MoveToOuterDisposeScope();
    }

    /// <summary>The token grid of a picture.</summary>
    public TokenLayout LayoutOf(Tensor pixels, int prefix) =>
        new(prefix, 1, (int)(pixels.shape[2] / PatchSize), (int)(pixels.shape[3] / PatchSize), PatchSize, PatchSize);
}
