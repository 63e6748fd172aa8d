namespace Prisma.Vision;

/// <summary>What of a Swin Transformer's configuration enters the forward pass.</summary>
public sealed record SwinConfig
{
    /// <summary>d_model of the first stage; each further one doubles it.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks of each stage.</summary>
    public required IReadOnlyList<int> Depths { get; init; }

    /// <summary>The number of heads of each stage.</summary>
    public required IReadOnlyList<int> Heads { get; init; }

    /// <summary>Rows and columns of the windows of each stage.</summary>
    public required IReadOnlyList<(int Rows, int Columns)> Windows { get; init; }

    /// <summary>By how many rows and columns every other block of each stage shifts its windows.</summary>
    public required IReadOnlyList<(int Rows, int Columns)> Shifts { get; init; }

    /// <summary>
    /// Whether a block pads the grid before it shifts it, and does not shift where one window holds the picture at hand (transformers);
    /// otherwise it shifts as configured, then pads (timm).
    /// </summary>
    public bool PadsFirst { get; init; }

    /// <summary>
    /// Swin V2 (Liu et al. 2022): norms behind the branches and behind the merging, cosine attention, and a small network that makes the bias from
    /// logarithms of the distance. Null for Swin V1.
    /// </summary>
    public SwinV2Options? V2 { get; init; }

    /// <summary>d_mlp as a multiple of d_model.</summary>
    public double MlpRatio { get; init; } = 4;

    /// <summary>The side of a patch in pixels.</summary>
    public int Patch { get; init; } = 4;

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of the blocks' norms and the final one.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }

    /// <summary>d_model of the last stage.</summary>
    public int LastWidth => Width << (Depths.Count - 1);
}
