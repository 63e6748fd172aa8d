using Prisma.Core;

namespace Prisma.Tests;

public sealed class ResizeTests
{
    [Fact]
    public void Every_filter_and_size_equals_the_reference_bit_for_bit()
    {
        using var golden = Safetensors.Open(Fixtures.Find("imaging/resize.safetensors"));
        var compared = 0;
        foreach (var expected in golden.Tensors.Where(t => t.Name.Contains('.', StringComparison.Ordinal)))
        {
            var parts = expected.Name.Split('.');
            var source = golden.Get(parts[0]);
            var image = new RgbImage((int)source.Shape[1], (int)source.Shape[0], source.ToBytes());
            var resized = image.Resize((int)expected.Shape[1], (int)expected.Shape[0], Enum.Parse<ResizeFilter>(parts[1], ignoreCase: true));
            Assert.True(resized.Pixels.SequenceEqual(expected.ToBytes()), expected.Name);
            compared++;
        }

        Assert.Equal(72, compared);
    }

    // Shrinking 4 to 2 with a triangle: support 2, so pixel 0 of the result weighs inputs 0..2 by 3, 3, 1 (of 7).
    [Fact]
    public void Bilinear_shrinking_averages_with_a_widened_triangle()
    {
        var row = Grey(4, 1, 0, 70, 140, 210).Resize(2, 1, ResizeFilter.Bilinear);
        Assert.Equal([50, 160], Reds(row));
    }

    // Growing 2 to 4: outer pixels lie past the outer centres and copy them, inner ones weigh 3 : 1.
    [Fact]
    public void Bilinear_growing_interpolates_between_centres()
    {
        var row = Grey(2, 1, 0, 200).Resize(4, 1, ResizeFilter.Bilinear);
        Assert.Equal([0, 50, 150, 200], Reds(row));
    }

    [Fact]
    public void Box_shrinking_by_two_is_the_plain_average_rounded_half_up()
    {
        Assert.Equal([2], Reds(Grey(2, 2, 1, 2, 1, 2).Resize(1, 1, ResizeFilter.Box)));
        Assert.Equal([10, 30], Reds(Grey(4, 1, 0, 20, 20, 40).Resize(2, 1, ResizeFilter.Box)));
    }

    // Cubic with a = -0.5 at distance 1/4 and 3/4, 5/4 and 7/4: weights 0.8671875 0.2265625 -0.0703125 -0.0234375, cut at the border and renormalised.
    [Fact]
    public void Bicubic_overshoots_and_is_clipped_to_bytes()
    {
        var row = Reds(Grey(4, 1, 0, 0, 255, 255).Resize(8, 1, ResizeFilter.Bicubic));
        Assert.Equal([0, 0, 0, 52, 203, 255, 255, 255], row);
    }

    [Fact]
    public void Nearest_takes_the_pixel_under_the_centre()
    {
        Assert.Equal([20, 40], Reds(Grey(5, 1, 10, 20, 30, 40, 50).Resize(2, 1, ResizeFilter.Nearest)));
    }

    [Fact]
    public void The_same_size_gives_the_same_picture()
    {
        var image = Grey(2, 1, 3, 4);
        Assert.Same(image, image.Resize(2, 1, ResizeFilter.Lanczos));
    }

    [Fact]
    public void Impossible_sizes_are_refused()
    {
        var error = Assert.Throws<ShapeException>(() => Grey(2, 1, 3, 4).Resize(0, 5, ResizeFilter.Box));
        Assert.Contains("2x1 to 0x5", error.Message, StringComparison.Ordinal);
    }

    private static RgbImage Grey(int width, int height, params byte[] levels) => new(width, height, [.. levels.SelectMany(v => new[] { v, v, v })]);

    private static int[] Reds(RgbImage image) => [.. Enumerable.Range(0, image.Width * image.Height).Select(i => (int)image[i % image.Width, i / image.Width].R)];
}
