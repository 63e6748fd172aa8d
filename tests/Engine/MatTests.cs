using OpenCvSharp;

namespace Prisma.Tests;

public sealed class MatTests
{
    [Fact]
    public void Setting_under_a_mask_leaves_the_rest()
    {
        using var picture = new Mat(2, 2, MatType.CV_8UC3, new Scalar(1, 2, 3));
        using var mask = new Mat(2, 2, MatType.CV_8UC1, new Scalar(0));
        mask.AsSpan<byte>()[1] = 255;

        picture.SetTo(new Scalar(7, 8, 9), mask);

        Assert.Equal<byte>([1, 2, 3, 7, 8, 9, 1, 2, 3, 1, 2, 3], picture.AsSpan<byte>().ToArray());
    }
}
