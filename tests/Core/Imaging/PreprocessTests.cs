using Prisma.Core;

namespace Prisma.Tests;

public sealed class PreprocessTests
{
    private static readonly string[] Processors = ["clip", "vit", "siglip", "timm"];
    private static readonly string[] Pictures = ["gray_53x40.png", "large_301x257.png", "photo_130x75.jpg", "rgb_61x97.png", "rgba_77x77.png"];

    public static TheoryData<string, string> Small => Pairs([.. Processors.Select(p => p + "_small"), "dinov2_small"]);

    public static TheoryData<string, string> Large => Pairs([.. Processors.Select(p => p + "_224")]);

    [Theory]
    [MemberData(nameof(Small))]
    public void Small_inputs_equal_the_reference_everywhere(string processor, string picture)
    {
        var (prepared, expected) = Prepare(processor, picture);
        using (expected)
        {
            Close(expected.Get($"{picture}.pixel_values").ToDoubles(), prepared.Values, $"{processor}/{picture}");
        }
    }

    [Theory]
    [MemberData(nameof(Large))]
    public void Large_inputs_equal_the_reference_at_its_samples(string processor, string picture)
    {
        var (prepared, expected) = Prepare(processor, picture);
        using (expected)
        {
            int w = prepared.Width, h = prepared.Height;
            Assert.Equal([3.0, h, w], expected.Get($"{picture}.shape").ToDoubles());
            var all = prepared.Values;
            float At(int c, int y, int x) => all[(c * h + y) * w + x];
            float[] Block(int top, int left, int rows, int columns, int step) =>
                [.. from c in Enumerable.Range(0, 3) from y in Enumerable.Range(0, rows) from x in Enumerable.Range(0, columns) select At(c, top + y * step, left + x * step)];
            float[] Mean(bool ofRows) =>
                [.. from c in Enumerable.Range(0, 3) from i in Enumerable.Range(0, ofRows ? h : w) select (float)Enumerable.Range(0, ofRows ? w : h).Average(j => (double)(ofRows ? At(c, i, j) : At(c, j, i)))];
            Close(expected.Get($"{picture}.every14").ToDoubles(), Block(5, 5, 16, 16, 14), "every14");
            Close(expected.Get($"{picture}.crop8_topleft").ToDoubles(), Block(0, 0, 8, 8, 1), "topleft");
            Close(expected.Get($"{picture}.crop8_bottomright").ToDoubles(), Block(h - 8, w - 8, 8, 8, 1), "bottomright");
            Close(expected.Get($"{picture}.row_mean").ToDoubles(), Mean(ofRows: true), "row_mean");
            Close(expected.Get($"{picture}.col_mean").ToDoubles(), Mean(ofRows: false), "col_mean");
        }
    }

    [Theory]
    [InlineData("clip_small")]
    [InlineData("vit_small")]
    [InlineData("siglip_small")]
    [InlineData("dinov2_small")]
    [InlineData("timm_small")]
    public void A_jpeg_read_by_our_own_decoder_stays_within_one_level(string processor)
    {
        const string picture = "photo_130x75.jpg";
        var preprocess = Preprocess.Load(Fixtures.Find($"models/preprocess/{processor}"));
        var values = preprocess.Apply(RgbImage.Load(Fixtures.Find($"models/preprocess/images/{picture}"))).Values;
        using var expected = Safetensors.Open(Fixtures.Find($"models/preprocess/{processor}/expected.safetensors"));
        var level = 1.001 / (255 * preprocess.Scaling.Std!.Min());
        Assert.All(expected.Get($"{picture}.pixel_values").ToDoubles().Zip(values), pair => Assert.InRange(pair.Second, pair.First - level, pair.First + level));
    }

    [Fact]
    public void The_crop_falls_where_each_reference_puts_it()
    {
        var down = new CropRule(4, 4, CropRounding.Down);
        var even = new CropRule(4, 4, CropRounding.HalfToEven);
        Assert.Equal((0, 1), down.Offset(5, 7));
        Assert.Equal((0, 2), even.Offset(5, 7));
        Assert.Equal((-1, -2), down.Offset(3, 1));
        Assert.Equal((0, -1), even.Offset(3, 1));
    }

    [Fact]
    public void The_longer_side_is_rounded_down_and_kept_ratios_are_rounded_to_even()
    {
        Assert.Equal((28, 44), new ResizeRule(ResizeMode.ShortestEdge, 28, 28, ResizeFilter.Bicubic).Target(61, 97));
        Assert.Equal((37, 28), new ResizeRule(ResizeMode.ShortestEdge, 28, 28, ResizeFilter.Bicubic).Target(53, 40));
        Assert.Equal((8, 4), new ResizeRule(ResizeMode.Fit, 8, 8, ResizeFilter.Bicubic).Target(16, 9));
        Assert.Equal((14, 8), new ResizeRule(ResizeMode.Cover, 8, 8, ResizeFilter.Bicubic).Target(16, 9));
    }

    [Fact]
    public void Padding_takes_the_normalised_fill_colour()
    {
        var preprocess = new Preprocess
        {
            Source = "test",
            Crop = new CropRule(4, 4, CropRounding.HalfToEven, 255, 0, 51),
            Scaling = new PixelScaling { DivideBy255 = true, Mean = [0.5f, 0.5f, 0.5f], Std = [0.5f, 0.5f, 0.25f] },
        };
        var prepared = preprocess.Apply(RgbImage.Filled(2, 2, 0, 255, 0));
        float[] red = [1, 1, 1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, 1, 1, 1];
        Assert.Equal(red, prepared.Values[..16]);
        Assert.Equal(red.Select(v => -v), prepared.Values[16..32]);
        Assert.Equal((51 / 255f - 0.5f) / 0.25f, prepared.Values[32]);
    }

    private static TheoryData<string, string> Pairs(string[] processors)
    {
        var data = new TheoryData<string, string>();
        foreach (var processor in processors)
        {
            foreach (var picture in Pictures) data.Add(processor, picture);
        }

        return data;
    }

    private static (PreparedImage Prepared, TensorSource Expected) Prepare(string processor, string picture)
    {
        var folder = Fixtures.Find($"models/preprocess/{processor}");
        var stored = picture.EndsWith(".jpg", StringComparison.Ordinal) ? picture + ".decoded.png" : picture;
        var image = RgbImage.Load(Fixtures.Find($"models/preprocess/images/{stored}"));
        return (Preprocess.Load(folder).Apply(image), Safetensors.Open(Path.Combine(folder, "expected.safetensors")));
    }

    private static void Close(double[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max();
        Assert.True(worst <= 1e-5, $"{what}: off by {worst:g3}");
    }
}
