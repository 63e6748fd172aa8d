namespace Prisma.Core;

/// <summary>
/// A colour space in which equal steps look about equal (Ottosson 2020, "A perceptual color space for image processing"):
/// lightness 0 to 1, green to red, blue to yellow.
/// </summary>
internal readonly record struct Oklab(double L, double A, double B)
{
    public static Oklab FromSrgb(byte r, byte g, byte b)
    {
        double lr = Linear(r), lg = Linear(g), lb = Linear(b);
        var l = Math.Cbrt(0.4122214708 * lr + 0.5363325363 * lg + 0.0514459929 * lb);
        var m = Math.Cbrt(0.2119034982 * lr + 0.6806995451 * lg + 0.1073969566 * lb);
        var s = Math.Cbrt(0.0883024619 * lr + 0.2817188376 * lg + 0.6299787005 * lb);
        return new Oklab(
            0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s);
    }

    /// <summary>By lightness, chroma and hue in degrees.</summary>
    public static Oklab FromHue(double lightness, double chroma, double hue) =>
        new(lightness, chroma * Math.Cos(hue * Math.PI / 180), chroma * Math.Sin(hue * Math.PI / 180));

    public (byte R, byte G, byte B) ToSrgb()
    {
        double l = Cube(L + 0.3963377774 * A + 0.2158037573 * B), m = Cube(L - 0.1055613458 * A - 0.0638541728 * B), s = Cube(L - 0.0894841775 * A - 1.2914855480 * B);
        return (
            Byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
            Byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
            Byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s));
    }

    public Oklab Toward(Oklab other, double share) =>
        new(L + (other.L - L) * share, A + (other.A - A) * share, B + (other.B - B) * share);

    private static double Cube(double x) => x * x * x;

    private static double Linear(byte value)
    {
        var x = value / 255.0;
        return x <= 0.04045 ? x / 12.92 : Math.Pow((x + 0.055) / 1.055, 2.4);
    }

    private static byte Byte(double x)
    {
        x = Math.Clamp(x, 0, 1);
        return (byte)Math.Round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * Math.Pow(x, 1 / 2.4) - 0.055));
    }
}
