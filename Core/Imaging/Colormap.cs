namespace Prisma.Core;

/// <summary>
/// Colours for values: 256 steps between anchors, interpolated in a perceptual colour space, so that equal steps of the value look
/// about equal. The sequential ones rise in lightness throughout and stay readable with every common colour blindness.
/// </summary>
public sealed class Colormap
{
    private const int Steps = 256;
    private readonly (byte R, byte G, byte B)[] _colours;

    private Colormap(string name, bool isDiverging, (byte, byte, byte)[] colours) => (Name, IsDiverging, _colours) = (name, isDiverging, colours);

    /// <summary>Violet, green, yellow. Anchors: matplotlib's viridis (van der Walt and Smith, CC0) at every tenth.</summary>
    public static Colormap Viridis { get; } = Between("viridis", 0x440154, 0x482475, 0x414487, 0x355F8D, 0x2A788E, 0x21918C, 0x22A884, 0x44BF70, 0x7AD151, 0xBDDF26, 0xFDE725);

    /// <summary>Blue, grey, yellow: the same to red-green blind eyes (anchors: Nunez, Anderton and Renslow 2018).</summary>
    public static Colormap Cividis { get; } = Between("cividis", 0x00224E, 0x123570, 0x3B496C, 0x575D6D, 0x707173, 0x8A8678, 0xA59C74, 0xC3B369, 0xE1CC55, 0xFEE838);

    /// <summary>Black, purple, cream (anchors: matplotlib's magma, CC0).</summary>
    public static Colormap Magma { get; } = Between("magma", 0x000004, 0x140E36, 0x3B0F70, 0x641A80, 0x8C2981, 0xB73779, 0xDE4968, 0xF7705C, 0xFE9F6D, 0xFECF92, 0xFCFDBF);

    /// <summary>Blue below, near white at 0, orange to brown above: equally dark on both sides; no red against green.</summary>
    public static Colormap BlueOrange { get; } = Diverging("blue-orange", below: 250, above: 55);

    /// <summary>Every map, for lists and options.</summary>
    public static IReadOnlyList<Colormap> All { get; } = [Viridis, Cividis, Magma, BlueOrange];

    /// <summary>How options and captions call it.</summary>
    public string Name { get; }

    /// <summary>Whether the middle stands for 0.</summary>
    public bool IsDiverging { get; }

    /// <summary>The colour at a position from 0 to 1; beyond, the end's.</summary>
    public (byte R, byte G, byte B) this[double position] => _colours[(int)Math.Round(Math.Clamp(position, 0, 1) * (Steps - 1))];

    /// <summary>Finds a map by its name.</summary>
    /// <exception cref="OptionsException">There is none; the message lists all.</exception>
    public static Colormap Named(string name) =>
        All.FirstOrDefault(map => string.Equals(map.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new OptionsException($"No colour map '{name}'. There are {string.Join(", ", All.Select(map => map.Name))}.");

    private static Colormap Between(string name, params ReadOnlySpan<int> anchors)
    {
        var places = new Oklab[anchors.Length];
        for (var i = 0; i < anchors.Length; i++) places[i] = Oklab.FromSrgb((byte)(anchors[i] >> 16), (byte)(anchors[i] >> 8), (byte)anchors[i]);
        var colours = new (byte, byte, byte)[Steps];
        for (var i = 0; i < Steps; i++)
        {
            var at = (double)i / (Steps - 1) * (anchors.Length - 1);
            var first = Math.Min((int)at, anchors.Length - 2);
            colours[i] = places[first].Toward(places[first + 1], at - first).ToSrgb();
        }

        return new Colormap(name, false, colours);
    }

    // Lightness falls evenly from the middle; chroma rises to its strongest at two thirds of the way and gives way to darkness.
    private static Colormap Diverging(string name, double below, double above)
    {
        var colours = new (byte, byte, byte)[Steps];
        for (var i = 0; i < Steps; i++)
        {
            var at = 2.0 * i / (Steps - 1) - 1;
            var far = Math.Abs(at);
            var chroma = 0.135 * Math.Sin(Math.PI * Math.Pow(far, 0.85) * 0.72);
            colours[i] = Oklab.FromHue(0.97 - 0.60 * far, chroma, at < 0 ? below : above).ToSrgb();
        }

        return new Colormap(name, true, colours);
    }
}
