namespace Prisma.Core;

/// <summary>How heatmaps are drawn. The defaults suit an attribution over a photograph.</summary>
public sealed record HeatmapStyle
{
    /// <summary>Null: blue-orange where the range is signed, otherwise viridis.</summary>
    public Colormap? Colours { get; init; }

    /// <summary>Null: symmetric around 0 where a value is negative, otherwise from smallest to largest.</summary>
    public HeatmapRange? Range { get; init; }

    /// <summary>What happens between token centres.</summary>
    public HeatmapSampling Sampling { get; init; }

    /// <summary>How much of the colour covers the picture, 0 to 1; 0.6 leaves its shapes readable.</summary>
    public double Opacity { get; init; } = 0.6;

    /// <summary>How much of its own colour the picture keeps under the map, 0 (grey) to 1: colours of the picture are easily taken for values.</summary>
    public double PictureColour { get; init; } = 0.15;

    /// <summary>Values along which a line is drawn; none by default.</summary>
    public IReadOnlyList<float> Contours { get; init; } = [];

    /// <summary>What the numbers are, with their unit, for the legend.</summary>
    public string Label { get; init; } = "";

    /// <summary>Pixels of the drawn picture's longer side.</summary>
    public int Side { get; init; } = 384;

    /// <summary>Size of the letters in pixels.</summary>
    public int TextSize { get; init; } = 14;

    /// <summary>Checks every field.</summary>
    /// <exception cref="OptionsException">All that is out of range, at once.</exception>
    public void Validate()
    {
        List<string> faults = [];
        if (Opacity is not (>= 0 and <= 1)) faults.Add($"Opacity is {Opacity}, expected 0 to 1");
        if (PictureColour is not (>= 0 and <= 1)) faults.Add($"PictureColour is {PictureColour}, expected 0 to 1");
        if (Side is < 16 or > 8192) faults.Add($"Side is {Side}, expected 16 to 8192 pixels");
        if (TextSize is < 8 or > 96) faults.Add($"TextSize is {TextSize}, expected 8 to 96 pixels");
        if (Range is { } range && !(float.IsFinite(range.Low) && float.IsFinite(range.High) && range.Low <= range.High))
            faults.Add($"Range goes from {range.Low} to {range.High}, expected finite numbers in rising order");
        if (Contours.Any(level => !float.IsFinite(level))) faults.Add("Contours holds a value that is not finite");
        if (faults.Count > 0) throw new OptionsException($"Heatmap style: {string.Join("; ", faults)}.");
    }
}
