namespace Prisma.Core;

/// <summary>
/// How a byte becomes a float. The two arithmetics differ in the last bit: Hugging Face multiplies in double precision and rounds to
/// float, torchvision divides floats by 255. The rest is float in both.
/// </summary>
public sealed record PixelScaling
{
    /// <summary>Factor in double precision (Hugging Face); null leaves bytes as they are unless <see cref="DivideBy255"/>.</summary>
    public double? Factor { get; init; }

    /// <summary>Float division by 255 (torchvision).</summary>
    public bool DivideBy255 { get; init; }

    /// <summary>Subtracted after scaling: 1 for processors that map to [-1, 1], otherwise 0.</summary>
    public float Shift { get; init; }

    /// <summary>Per channel, subtracted last but one; null: no normalisation.</summary>
    public IReadOnlyList<float>? Mean { get; init; }

    /// <summary>Per channel, divided by last; null exactly where <see cref="Mean"/> is.</summary>
    public IReadOnlyList<float>? Std { get; init; }

    /// <summary>The value of every byte in every channel: [3, 256].</summary>
    public float[] Table()
    {
        var table = new float[3 * 256];
        for (var c = 0; c < 3; c++)
        {
            for (var b = 0; b < 256; b++)
            {
                var value = DivideBy255 ? b / 255f : Factor is { } factor ? (float)(b * factor) : b;
                if (Shift != 0) value -= Shift;
                if (Mean is not null && Std is not null) value = (value - Mean[c]) / Std[c];
                table[256 * c + b] = value;
            }
        }

        return table;
    }
}
