using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class HeatmapTests
{
    private static readonly TokenLayout TwoByTwo = TokenLayout.Picture(1, 2, 2, 4);

    [Fact]
    public void The_prefix_is_left_out_and_space_major_tokens_are_put_in_order()
    {
        Assert.Equal([1f, 2f, 3f, 4f], Heatmap.FromTokens([9, 1, 2, 3, 4], TwoByTwo).Values.ToArray());
        var video = new TokenLayout(1, 2, 1, 2, 4, 4, 2, TokenOrder.SpaceMajor);
        var map = Heatmap.FromTokens([9, 1, 2, 3, 4], video);
        Assert.Equal([1f, 3f, 2f, 4f], map.Values.ToArray());
        Assert.Equal(2f, map[1, 0, 0]);
    }

    [Fact]
    public void A_tensor_of_any_real_type_will_do()
    {
        using var scope = NewDisposeScope();
        var map = Heatmap.FromTokens(tensor(new double[] { 9, 1, 2, 3, 4 }).reshape(1, 5), TwoByTwo);
        Assert.Equal([1f, 2f, 3f, 4f], map.Values.ToArray());
        var columns = tensor(new float[] { 9, 0, 1, 0, 2, 0, 3, 0, 4, 0 }).reshape(5, 2);
        Assert.Equal([1f, 2f, 3f, 4f], Heatmap.FromTokens(columns.select(1, 0), TwoByTwo).Values.ToArray());
        Assert.Throws<ShapeException>(() => Heatmap.FromTokens(ones(2, 5), TwoByTwo));
    }

    [Fact]
    public void Wrong_counts_and_values_that_are_not_finite_are_refused()
    {
        Assert.Contains("1 + 1x2x2 = 5", Assert.Throws<ShapeException>(() => Heatmap.FromTokens([1, 2, 3, 4], TwoByTwo)).Message, StringComparison.Ordinal);
        var error = Assert.Throws<PrismaException>(() => Heatmap.FromTokens([9, 1, 2, float.NaN, 4], TwoByTwo));
        Assert.Contains("row 1, column 0 is NaN", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_cover_their_patches()
    {
        var map = new Heatmap([1, 2, 3, 4], TwoByTwo);
        float[] expected = [1, 1, 1, 1, 2, 2, 2, 2];
        var pixels = map.OnPicture(0, HeatmapSampling.Blocks);
        Assert.Equal(64, pixels.Length);
        Assert.Equal(expected, pixels[..8]);
        Assert.Equal(expected.Select(v => v + 2), pixels[^8..]);
    }

    // Centres lie at pixels 2 and 6 of 8; pixel i has its centre at i + 0.5, so the middle four rise by quarters from an eighth.
    [Fact]
    public void Bilinear_rises_between_centres_and_is_flat_outside_them()
    {
        var map = new Heatmap([0, 1, 0, 1], TwoByTwo);
        Assert.Equal([0f, 0f, 0.125f, 0.375f, 0.625f, 0.875f, 1f, 1f], map.OnPicture()[..8]);
    }

    [Fact]
    public void Outside_the_crop_there_is_no_value()
    {
        // 16 x 8 seen at half size through a 4 x 4 window in the middle: the original's columns 4 to 12.
        var geometry = new ImageGeometry(16, 8, 8, 4, 2, 0, 4, 4);
        var map = new Heatmap([1, 2, 3, 4], TokenLayout.Picture(0, 2, 2, 2), geometry);
        var row = map.OnPicture(0, HeatmapSampling.Blocks)[..16];
        float none = float.NaN;
        Assert.Equal([none, none, none, none, 1, 1, 1, 1, 2, 2, 2, 2, none, none, none, none], row);
    }

    [Fact]
    public void Pixels_beyond_the_last_whole_patch_have_no_value()
    {
        var map = new Heatmap([1, 2, 3, 4], TokenLayout.Picture(0, 2, 2, 4), ImageGeometry.Unchanged(10, 9));
        var pixels = map.OnPicture(0, HeatmapSampling.Blocks);
        Assert.Equal(2, pixels[7]);
        Assert.True(float.IsNaN(pixels[8]) && float.IsNaN(pixels[^1]));
    }

    [Fact]
    public void A_peak_lands_on_the_object_that_caused_it()
    {
        var preprocess = Preprocess.Load(Fixtures.Find("models/preprocess/clip_224"));
        var geometry = preprocess.GeometryOf(301, 257);
        var (x, y) = geometry.ToModel(200, 60);
        var layout = TokenLayout.Picture(1, 14, 14, 16);
        var tokens = new float[layout.Tokens];
        tokens[layout.TokenAt(0, (int)(y / 16), (int)(x / 16))] = 1;
        var pixels = Heatmap.FromTokens(tokens, layout, geometry).OnPicture(0, HeatmapSampling.Blocks);
        Assert.Equal(1, pixels[60 * 301 + 200]);
        Assert.InRange(pixels.Count(v => v == 1), 300, 380);
    }

    [Fact]
    public void Ranges_follow_their_definitions()
    {
        var layout = TokenLayout.Picture(0, 1, 101, 1);
        var rising = new Heatmap([.. Enumerable.Range(0, 101).Select(i => (float)i)], layout);
        Assert.Equal(new HeatmapRange(0, 100, false), HeatmapRange.MinMax(rising));
        Assert.Equal(new HeatmapRange(1, 99, false), HeatmapRange.Percentile(99, rising));
        var signed = new Heatmap([.. Enumerable.Range(0, 101).Select(i => (float)i - 20)], layout);
        Assert.Equal(new HeatmapRange(-80, 80, true), HeatmapRange.Fitting(signed));
        Assert.Equal(new HeatmapRange(0, 100, false), HeatmapRange.Fitting(rising));
        Assert.Equal(new HeatmapRange(-20, 100, false), HeatmapRange.MinMax(rising, signed));
    }

    [Fact]
    public void Positions_are_clamped_and_a_single_value_has_one()
    {
        var range = new HeatmapRange(-2, 2, true);
        Assert.Equal([0, 0.5, 0.75, 1], ((float[])[-9, 0, 1, 9]).Select(range.Position));
        Assert.Equal(0.5, new HeatmapRange(0, 0, true).Position(0));
        Assert.Equal(0, new HeatmapRange(3, 3, false).Position(3));
    }
}
