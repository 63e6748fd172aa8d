using Prisma.Core;

namespace Prisma.Tests;

public sealed class ColormapTests
{
    public static TheoryData<string> Names => [.. Colormap.All.Select(map => map.Name)];

    public static TheoryData<string> Sequential => [.. Colormap.All.Where(map => !map.IsDiverging).Select(map => map.Name)];

    [Fact]
    public void Known_maps_begin_and_end_as_published()
    {
        Assert.Equal(((byte)0x44, (byte)0x01, (byte)0x54), Colormap.Viridis[0]);
        Assert.Equal(((byte)0x21, (byte)0x91, (byte)0x8C), Near(Colormap.Viridis[0.5], 0x21, 0x91, 0x8C, 3));
        Assert.Equal(((byte)0xFD, (byte)0xE7, (byte)0x25), Colormap.Viridis[1]);
        Assert.Equal(((byte)0xFC, (byte)0xFD, (byte)0xBF), Colormap.Magma[1]);
    }

    [Theory]
    [MemberData(nameof(Sequential))]
    public void Sequential_maps_rise_in_lightness_by_steps_that_do_not_jump(string name)
    {
        var lightness = Lightness(Colormap.Named(name));
        for (var i = 4; i < 256; i += 4) Assert.InRange(lightness[i] - lightness[i - 4], 0.002, 0.035);
    }

    [Fact]
    public void The_diverging_map_is_lightest_at_zero_and_equally_dark_on_both_sides()
    {
        var lightness = Lightness(Colormap.BlueOrange);
        Assert.InRange(lightness[127], 0.95, 1);
        for (var i = 0; i < 127; i++)
        {
            Assert.True(lightness[i] <= lightness[i + 1] + 0.004, $"at {i}");
            Assert.InRange(lightness[i] - lightness[255 - i], -0.03, 0.03);
        }
    }

    // Vienot, Brettel and Mollon 1999: what is left of a colour to eyes without the middle or the long cones.
    [Theory]
    [MemberData(nameof(Names))]
    public void The_ends_stay_far_apart_to_red_green_blind_eyes(string name)
    {
        var map = Colormap.Named(name);
        foreach (var (a, b) in ((double, double)[])[(0, 1), (0.15, 0.85), (0.3, 0.7)])
        {
            var (first, second) = (Blind(map[a]), Blind(map[b]));
            var distance = Math.Sqrt(Math.Pow(first.L - second.L, 2) + Math.Pow(first.A - second.A, 2) + Math.Pow(first.B - second.B, 2));
            Assert.True(distance > 0.11, $"{name} from {a} to {b}: {distance:f3}");
        }
    }

    [Fact]
    public void An_unknown_name_is_answered_with_the_list()
    {
        Assert.Same(Colormap.Cividis, Colormap.Named("Cividis"));
        Assert.Contains("viridis, cividis", Assert.Throws<OptionsException>(() => Colormap.Named("jet")).Message, StringComparison.Ordinal);
    }

    private static double[] Lightness(Colormap map) =>
        [.. Enumerable.Range(0, 256).Select(i => map[i / 255.0]).Select(c => Oklab.FromSrgb(c.R, c.G, c.B).L)];

    private static (byte, byte, byte) Near((byte R, byte G, byte B) colour, byte r, byte g, byte b, int slack) =>
        Math.Abs(colour.R - r) <= slack && Math.Abs(colour.G - g) <= slack && Math.Abs(colour.B - b) <= slack ? (r, g, b) : colour;

    private static Oklab Blind((byte R, byte G, byte B) colour)
    {
        double[] linear = [Linear(colour.R), Linear(colour.G), Linear(colour.B)];
        var yellow = 0.29275 * linear[0] + 0.70725 * linear[1];
        var blue = Math.Clamp(-0.02234 * linear[0] + 0.02234 * linear[1] + linear[2], 0, 1);
        return Oklab.FromSrgb(Byte(yellow), Byte(yellow), Byte(blue));
    }

    private static double Linear(byte v) => Math.Pow(v / 255.0, 2.2);

    private static byte Byte(double v) => (byte)Math.Round(255 * Math.Pow(v, 1 / 2.2));
}
