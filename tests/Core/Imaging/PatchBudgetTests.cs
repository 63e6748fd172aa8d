using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>How SigLIP 2 of variable resolution prepares pictures.</summary>
public sealed class PatchBudgetTests : IDisposable
{
    private readonly TempFolder _folder = new();

    // The sizes that the reference's get_image_size_for_max_num_patches gives.
    [Theory]
    [InlineData(640, 480, 16, 256, 288, 224)]
    [InlineData(512, 512, 16, 256, 256, 256)]
    [InlineData(1000, 100, 16, 256, 800, 80)]
    [InlineData(17, 3000, 16, 256, 16, 2832)]
    [InlineData(10, 10, 16, 256, 256, 256)]
    [InlineData(1280, 853, 16, 1024, 624, 416)]
    [InlineData(53, 37, 4, 12, 16, 12)]
    [InlineData(1, 1, 16, 256, 112, 112)]
    public void Pictures_get_the_size_that_the_reference_gives_them(int width, int height, int side, int most, int resizedWidth, int resizedHeight)
    {
        File.WriteAllText(_folder["preprocessor_config.json"], $$"""{"image_processor_type": "Siglip2ImageProcessor", "patch_size": {{side}}, "max_num_patches": {{most}}, "do_rescale": true, "do_normalize": true}""");
        var preprocess = Preprocess.Load(_folder.Path);
        Assert.Null(preprocess.InputSize);
        Assert.Equal((resizedWidth, resizedHeight), preprocess.Resize.Target(width, height));
        Assert.True(resizedWidth / side * (resizedHeight / side) <= most);
    }

    // Two pictures of 2 × 1 and 1 × 2 patches of two pixels; red counts on from pixel to pixel, green and blue stand 10 and 20 above.
    [Fact]
    public void Patches_stand_row_by_row_with_the_colours_innermost_and_padding_behind()
    {
        using var scope = NewDisposeScope();
        PreparedImage Counting(int width, int height) =>
            new([.. Enumerable.Range(0, 3).SelectMany(colour => Enumerable.Range(0, width * height).Select(k => k + 10f * colour))], ImageGeometry.Unchanged(width, height));
        var input = PreparedImage.Patches([Counting(2, 4), Counting(4, 2)], side: 2, room: 3);
        Assert.Equal([0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23], input["pixel_values"][0][0].data<float>().ToArray());
        Assert.Equal([4, 14, 24, 5, 15, 25, 6, 16, 26, 7, 17, 27], input["pixel_values"][0][1].data<float>().ToArray());
        Assert.Equal([2, 12, 22, 3, 13, 23, 6, 16, 26, 7, 17, 27], input["pixel_values"][1][1].data<float>().ToArray());
        Assert.True(input["pixel_values"].select(1, 2).eq(0).all().item<bool>());
        Assert.Equal([1, 1, 0, 1, 1, 0], input["pixel_attention_mask"].data<long>().ToArray());
        Assert.Equal([2, 1, 1, 2], input["spatial_shapes"].data<long>().ToArray());
        Assert.Contains("has 2 patches of 2 pixels; there is room for 1", Assert.Throws<ShapeException>(() => PreparedImage.Patches([Counting(4, 2)], 2, 1)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
