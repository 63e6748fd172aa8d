using Prisma.Core;

namespace Prisma.Vision;

/// <summary>How a picture's rows and columns become angles.</summary>
public sealed record GridRotaryOptions
{
    /// <summary>θ of the frequencies θ^(−j/n), j = 0 … n − 1 with n a quarter of the head width.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>
    /// Whether positions are the patches' centres on a picture from −1 to 1, times 2π (DINOv3), instead of their numbers (EVA-02).
    /// </summary>
    public bool Centred { get; init; }

    /// <summary>What is added to a patch's number.</summary>
    public double Offset { get; init; }

    /// <summary>The grid whose numbers other grids are stretched to; none where null.</summary>
    public (int Rows, int Columns)? Reference { get; init; }

    /// <summary>Whether a head's first axes turn with the column instead of the row.</summary>
    public bool ColumnsFirst { get; init; }

    /// <summary>Which axes form a pair.</summary>
    public RotaryPairs Pairs { get; init; } = RotaryPairs.Neighbours;
}
