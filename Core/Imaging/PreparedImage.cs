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
            throw new ShapeException($"Pictures of one batch must have one size: {first.Width}x{first.Height} and {odd.Width}x{odd.Height}.");
        var values = new float[(long)images.Count * size];
        for (var i = 0; i < images.Count; i++) images[i].Values.CopyTo(values.AsSpan(i * size));
        return tensor(values, [images.Count, 3L, first.Height, first.Width]);
    }
}
