using Prisma.Core;

namespace Prisma.Tests;

public sealed class HeatmapPictureTests
{
    private static readonly RgbImage White = RgbImage.Filled(32, 16, 255, 255, 255);

    // The model sees the left half of the picture, in two tokens: one low, one high.
    private static readonly Heatmap LeftHalf = new([0, 1], TokenLayout.Picture(0, 1, 2, 8), new ImageGeometry(32, 16, 32, 16, 0, 4, 16, 8));

    private static readonly HeatmapStyle Plain = new() { Opacity = 1, Sampling = HeatmapSampling.Blocks, Side = 64 };

    [Fact]
    public void The_overlay_has_the_map_s_colours_where_the_model_saw_something()
    {
        var drawn = HeatmapPicture.Overlay(White, LeftHalf, Plain);
        Assert.Equal((64, 32), (drawn.Width, drawn.Height));
        Assert.Equal(Colormap.Viridis[0], drawn[8, 16]);
        Assert.Equal(Colormap.Viridis[1], drawn[24, 16]);
        var outside = drawn[50, 16];
        Assert.Equal((outside.R, outside.R), (outside.G, outside.G));
        Assert.InRange(outside.R, 120, 255);
    }

    [Fact]
    public void Signed_values_take_the_diverging_map_around_zero()
    {
        var signed = new Heatmap([-0.5f, 1], LeftHalf.Layout, LeftHalf.Geometry);
        var drawn = HeatmapPicture.Overlay(White, signed, Plain);
        Assert.Equal(Colormap.BlueOrange[0.25], drawn[8, 16]);
        Assert.Equal(Colormap.BlueOrange[1], drawn[24, 16]);
    }

    [Fact]
    public void Opacity_mixes_colour_and_picture()
    {
        var drawn = HeatmapPicture.Overlay(White, LeftHalf, Plain with { Opacity = 0.5 });
        var (r, g, b) = Colormap.Viridis[1];
        Assert.Equal(((byte)((255 + r) / 2), (byte)Math.Round((255 + g) / 2.0), (byte)Math.Round((255 + b) / 2.0)), drawn[24, 16]);
        Assert.Equal(HeatmapPicture.Overlay(null, LeftHalf, Plain)[24, 16], HeatmapPicture.Overlay(White, LeftHalf, Plain)[24, 16]);
    }

    [Fact]
    public void A_contour_is_drawn_where_the_value_crosses_its_level()
    {
        var without = HeatmapPicture.Overlay(White, LeftHalf, Plain);
        var with = HeatmapPicture.Overlay(White, LeftHalf, Plain with { Contours = [0.5f] });
        var changed = Enumerable.Range(0, 64).Where(x => with[x, 16] != without[x, 16]).ToArray();
        Assert.NotEmpty(changed);
        Assert.All(changed, x => Assert.True(x is > 12 and < 20 or > 28 and < 36, $"column {x}"));
    }

    [Fact]
    public void A_sheet_holds_every_tile_its_caption_and_the_legend()
    {
        var style = Plain with { Side = 160, Label = "attribution (logits)" };
        var one = HeatmapPicture.Draw(White, LeftHalf, style, "block 3");
        var three = HeatmapPicture.Sheet([new("picture", White, null), new("a", White, LeftHalf), new("b", White, LeftHalf)], style, title: "Three");
        Assert.True(three.Width > 3 * 160 && three.Width < 3 * 160 + 100);
        Assert.True(one.Height > 80 + 4 * 14, "room for caption, bar, numbers and label");
        Assert.Contains(Enumerable.Range(0, one.Width), x => one[x, 20] != (255, 255, 255));
        var bar = Enumerable.Range(0, one.Height).Where(y => one[one.Width - 20, y] == Colormap.Viridis[(one.Width - 20 - 14) / 159.0]).ToArray();
        Assert.NotEmpty(bar);
    }

    [Fact]
    public void Own_scales_give_each_tile_its_own_colours()
    {
        var weak = new Heatmap([0, 0.1f], LeftHalf.Layout, LeftHalf.Geometry);
        HeatmapTile[] tiles = [new("", White, LeftHalf), new("", White, weak)];
        var common = HeatmapPicture.Sheet(tiles, Plain with { Side = 160 });
        var own = HeatmapPicture.Sheet(tiles, Plain with { Side = 160 }, scales: HeatmapScales.Each);
        int x = 14 + 160 + 16 + 60, y = 14 + 40;
        Assert.Equal(Colormap.Viridis[0.1], common[x, y]);
        Assert.Equal(Colormap.Viridis[1], own[x, y]);
    }

    [Fact]
    public void Letters_are_drawn_dark_and_wide_texts_are_broken()
    {
        var narrow = HeatmapPicture.Draw(White, LeftHalf, Plain with { Side = 160 }, "one two three four five six seven eight nine ten");
        var wide = HeatmapPicture.Draw(White, LeftHalf, Plain with { Side = 160 }, "one");
        Assert.True(narrow.Height > wide.Height + 14);
        var darkest = Enumerable.Range(0, narrow.Width * 30).Min(i => narrow[i % narrow.Width, 8 + i / narrow.Width].G);
        Assert.InRange(darkest, 0, 90);
    }

    [Fact]
    public void A_picture_of_another_size_and_a_style_out_of_range_are_refused()
    {
        var error = Assert.Throws<ShapeException>(() => HeatmapPicture.Overlay(RgbImage.Filled(8, 8, 0, 0, 0), LeftHalf, Plain));
        Assert.Contains("32x16, not of 8x8", error.Message, StringComparison.Ordinal);
        var style = Assert.Throws<OptionsException>(() => HeatmapPicture.Overlay(White, LeftHalf, Plain with { Opacity = 2, Side = 3 }));
        Assert.Contains("Opacity is 2", style.Message, StringComparison.Ordinal);
        Assert.Contains("Side is 3", style.Message, StringComparison.Ordinal);
    }
}
