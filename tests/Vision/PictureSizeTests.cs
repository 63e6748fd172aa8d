using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>Position tables on other grids, beyond what the reference files hold.</summary>
public sealed class PictureSizeTests
{
    [Fact]
    public void A_square_grid_with_as_many_places_keeps_the_table_as_timm_does()
    {
        using var scope = NewDisposeScope();
        var table = randn(1, 17, 6);
        Assert.True(Positions.Resampled(table, 1, 4, 4, antialias: true, trained: (2, 8)).Equals(table));
        Assert.Equal([1L, 17, 6], Positions.Resampled(table, 1, 8, 2, antialias: true, trained: (2, 8)).shape);
    }

    [Fact]
    public void A_table_that_is_no_such_grid_is_refused()
    {
        using var scope = NewDisposeScope();
        var table = randn(1, 17, 6);
        Assert.Contains("3 × 5", Assert.Throws<ShapeException>(() => Positions.Resampled(table, 1, 8, 2, antialias: false, trained: (3, 5))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hf_deit_distilled", 2)]
    [InlineData("hf_dinov2_registers", 5)]
    [InlineData("timm_vit_reg_embed", 3)]
    [InlineData("hf_dinov3", 4)]
    [InlineData("hf_beit", 1)]
    public void Any_size_runs_and_its_layout_counts_the_tokens(string folder, int prefix)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        using var scope = NewDisposeScope();
        var pixels = randn(1, 3, 24, 56);
        using var recording = model.Run(pixels, HookPlan.Empty.Keep(Site.FullEmbed.Only));
        var layout = model.LayoutOf(pixels)!;
        Assert.Equal((prefix, 3, 7), (layout.Prefix, layout.Rows, layout.Columns));
        Assert.Equal(layout.Tokens, recording.Cache[Site.FullEmbed.Only].shape[1]);
    }

    [Fact]
    public void A_grid_smaller_than_a_window_is_refused()
    {
        using var model = Models.Load(Fixture.Path("models/hf_swin"));
        using var pixels = randn(1, 3, 8, 40);
        Assert.Contains("smaller than a window", Assert.Throws<ShapeException>(() => model.Run(pixels)).Message, StringComparison.Ordinal);
    }
}
