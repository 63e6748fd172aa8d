using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>A picture as a model takes it.</summary>
/// <param name="Values">[3, height, width]: planes of red, green and blue.</param>
/// <param name="Geometry">How its pixels lie in the original.</param>
public sealed record PreparedImage(float[] Values, ImageGeometry Geometry)
{
    /// <summary>Pixels per row.</summary>
    public int Width => Geometry.Width;

    /// <summary>Rows.</summary>
    public int Height => Geometry.Height;

    /// <summary>The values as a new tensor [3, height, width] on the CPU. The caller, or its scope, disposes it.</summary>
    public Tensor ToTensor() => tensor(Values, [3L, Height, Width]);

    /// <summary>Several pictures of one size as a new tensor [n, 3, height, width] on the CPU. The caller, or its scope, disposes it.</summary>
    /// <exception cref="ShapeException">None, or of different sizes.</exception>
    public static Tensor Stack(IReadOnlyList<PreparedImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0) throw new ShapeException("There is no picture to make a batch of.");
        var (first, size) = (images[0], images[0].Values.Length);
        var odd = images.FirstOrDefault(image => (image.Width, image.Height) != (first.Width, first.Height));
        if (odd is not null)
            throw new ShapeException($"Pictures of one batch must have one size: {first.Width}x{first.Height} and {odd.Width}x{odd.Height}. Give them one at a time.");
        var values = new float[(long)images.Count * size];
        for (var i = 0; i < images.Count; i++) images[i].Values.CopyTo(values.AsSpan(i * size));
        return tensor(values, [images.Count, 3L, first.Height, first.Width]);
    }

    /// <summary>
    /// Pictures of any sizes as rows of patches, as models of variable resolution take them: pixel_values [n, patches, side·side·3], row by row with the
    /// colours innermost and zeros behind, pixel_attention_mask [n, patches], 1 for patches, and spatial_shapes [n, 2], rows and columns. The
    /// caller, or its scope, disposes them.
    /// </summary>
    /// <param name="images">The pictures.</param>
    /// <param name="side">The side of a patch in pixels.</param>
    /// <param name="room">The patches of a row.</param>
    /// <exception cref="ShapeException">No picture, or one of more patches.</exception>
    public static ModelInput Patches(IReadOnlyList<PreparedImage> images, int side, int room)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0) throw new ShapeException("There is no picture to make a batch of.");
        using var scope = NewDisposeScope();
        var (rows, mask, grids) = (new List<Tensor>(), new long[images.Count * room], new long[2 * images.Count]);
        for (var k = 0; k < images.Count; k++)
        {
            var (down, across) = (images[k].Height / side, images[k].Width / side);
            if (down * across > room) throw new ShapeException($"A picture of {images[k].Width}x{images[k].Height} has {down * across} patches of {side} pixels; there is room for {room}.");
            var cut = images[k].ToTensor().narrow(1, 0, down * side).narrow(2, 0, across * side).reshape(3, down, side, across, side)
                .permute(1, 3, 2, 4, 0).reshape(down * across, side * side * 3);
            rows.Add(cat([cut, zeros(room - down * across, side * side * 3)], 0));
            mask.AsSpan(k * room, down * across).Fill(1);
            (grids[2 * k], grids[2 * k + 1]) = (down, across);
        }
        return new ModelInput
        {
            ["pixel_values"] = stack(rows).MoveToOuterDisposeScope(),
            ["pixel_attention_mask"] = tensor(mask, [images.Count, room]).MoveToOuterDisposeScope(),
            ["spatial_shapes"] = tensor(grids, [images.Count, 2]).MoveToOuterDisposeScope(),
        };
    }
}
