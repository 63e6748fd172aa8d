using Prisma.Core;

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
    /// Whether a block pads the grid before it shifts it (transformers) or after (timm). Swin V1 of transformers moreover does not shift where
    /// one window holds the picture at hand; all others shift as configured.
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

    /// <summary>The sides of the windows in pre-training, a number for each stage; 0 where there was no other window before, as everywhere if nothing is said.</summary>
    internal static IReadOnlyList<int> ReadPretrainedWindows(ConfigReader json, int stages)
    {
        var sides = (json.Doubles("pretrained_window_sizes") ?? []).Select(side => (int)side).ToList();
        json.Require(sides.All(side => side is 0 or > 1), $"'pretrained_window_sizes' is {string.Join(", ", sides)}; expected 0, or 2 and more")
            .Require(sides.Count == 0 || sides.Count == stages, $"'pretrained_window_sizes' names {sides.Count} stages, 'depths' {stages}");
        return sides.Count == stages ? sides : [.. Enumerable.Repeat(0, stages)];
    }

    /// <summary>Adds what the reader of any family must find wrong: heads that do not divide a stage's width.</summary>
    internal void Check(ConfigReader json)
    {
        for (var stage = 0; stage < Heads.Count; stage++)
            json.Require((Width << stage) % Heads[stage] == 0, $"{Heads[stage]} heads do not divide the width {Width << stage} of stage {stage}");
    }
}
