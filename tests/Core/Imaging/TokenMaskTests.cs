using Prisma.Core;

namespace Prisma.Tests.Core.Imaging;

public sealed class TokenMaskTests
{
    [Fact]
    public void Bright_cells_are_tokens_behind_the_prefix()
    {
        // 4 x 4 pixels over 2 x 2 patches: the right half is white, and one pixel of the left.
        var pixels = new byte[48];
        for (var y = 0; y < 4; y++)
            for (var x = 2; x < 4; x++) pixels.AsSpan(3 * (4 * y + x), 3).Fill(255);
        pixels.AsSpan(0, 3).Fill(255);
        Assert.Equal([2, 4], TokenMask.Under(new RgbImage(4, 4, pixels), TokenLayout.Picture(1, 2, 2, 8)));
        Assert.Throws<OptionsException>(() => TokenMask.Under(RgbImage.Filled(4, 4, 90, 90, 90), TokenLayout.Picture(1, 2, 2, 8)));
    }
}
