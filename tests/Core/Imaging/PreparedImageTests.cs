using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class PreparedImageTests
{
    private static readonly Preprocess Plain = new() { Source = "test" };

    [Fact]
    public void Planes_become_a_tensor_and_pictures_a_batch()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (Plain.Apply(new RgbImage(2, 1, [1, 2, 3, 4, 5, 6])), Plain.Apply(new RgbImage(2, 1, [7, 8, 9, 10, 11, 12])));
        Assert.Equal([3L, 1, 2], a.ToTensor().shape);
        Assert.Equal([1f, 4, 2, 5, 3, 6], a.ToTensor().data<float>().ToArray());
        var batch = PreparedImage.Stack([a, b]);
        Assert.Equal([2L, 3, 1, 2], batch.shape);
        Assert.Equal([7f, 10, 8, 11, 9, 12], batch[1].data<float>().ToArray());
    }

    [Fact]
    public void Pictures_of_different_sizes_make_no_batch()
    {
        var error = Assert.Throws<ShapeException>(() => PreparedImage.Stack([Plain.Apply(RgbImage.Filled(2, 1, 0, 0, 0)), Plain.Apply(RgbImage.Filled(3, 1, 0, 0, 0))]));
        Assert.Contains("2x1 and 3x1", error.Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => PreparedImage.Stack([]));
    }
}
