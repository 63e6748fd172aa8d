namespace Prisma.Video;

/// <summary>The size of a V-JEPA stack of blocks.</summary>
/// <param name="Width">d_model.</param>
/// <param name="Layers">The number of blocks.</param>
/// <param name="Heads">The number of heads.</param>
/// <param name="Hidden">d_mlp.</param>
public sealed record VJepaStack(int Width, int Layers, int Heads, int Hidden);

/// <summary>What of a V-JEPA 2 configuration enters the forward pass.</summary>
public sealed record VJepa2Config
{
    /// <summary>The encoder.</summary>
    public required VJepaStack Encoder { get; init; }

    /// <summary>The predictor.</summary>
    public required VJepaStack Predictor { get; init; }

    /// <summary>Learned tokens that stand for what is to be predicted.</summary>
    public required int MaskTokens { get; init; }

    /// <summary>The side of a patch in pixels.</summary>
    public required int Patch { get; init; }

    /// <summary>The side of a frame; with the patch it says how token numbers become places.</summary>
    public required int Image { get; init; }

    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }

    /// <summary>Frames of a tubelet.</summary>
    public required int Tubelet { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Blocks of the classifier's pooler before its cross-attention.</summary>
    public int PoolerLayers { get; init; }

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }

    internal long Side => Image / Patch;
}
