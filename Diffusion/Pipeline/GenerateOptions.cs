using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What pictures are made from. Tensors are borrowed.</summary>
public sealed record GenerateOptions
{
    /// <summary>One picture for each.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>What the pictures shall not show, with guidance; null for the pipeline's way without one.</summary>
    public string? Negative { get; init; }

    /// <summary>How far predictions are pushed from the negative prompt's; up to 1 there is none. 0, as SDXL-Turbo was trained. Some U-nets read it as an input, see <see cref="TextToImage.EmbedsGuidance"/>.</summary>
    public double Guidance { get; init; }

    /// <summary>What SDXL's refiner is told of how fine the picture is, 1 to 10; other U-nets read none.</summary>
    public double AestheticScore { get; init; } = 6;

    /// <summary>The same in passes that see the negative prompt.</summary>
    public double NegativeAestheticScore { get; init; } = 2.5;

    /// <summary>Steps of the scheduler.</summary>
    public int Steps { get; init; } = 1;

    /// <summary>Picture i draws its noise from seed + i, so that it does not depend on the others.</summary>
    public long Seed { get; init; }

    /// <summary>The seed of each picture, where they do not follow from <see cref="Seed"/>.</summary>
    public IReadOnlyList<long>? Seeds { get; init; }

    /// <summary>The seed of one picture.</summary>
    public long SeedOf(int picture) => Seeds is { } own ? own[picture] : Seed + picture;

    /// <summary>Rows of the picture; null for the size that the U-net was trained on.</summary>
    public int? Height { get; init; }

    /// <summary>Columns of the picture; null for the size that the U-net was trained on.</summary>
    public int? Width { get; init; }

    /// <summary>The start noise, unit variance [B, C, h, w]; drawn from the seed where null.</summary>
    public Tensor? Latents { get; init; }

    /// <summary>The noise of each step [K, B, C, h, w]; drawn from the seed where null.</summary>
    public Tensor? Noises { get; init; }

    /// <summary>A picture to start from instead of noise; stretched to the size.</summary>
    public RgbImage? Start { get; init; }

    /// <summary>With <see cref="Start"/>: the share of the steps that are taken, above 0 to 1.</summary>
    public double Strength { get; init; } = 0.5;

    /// <summary>The share of fresh noise of DDIM.</summary>
    public double Eta { get; init; }

    /// <summary>Cut pictures larger than the autoencoder's own size into tiles, which bounds memory; seams are blended.</summary>
    public bool Tiles { get; init; }

    /// <summary>Whether pictures are made of the last latents; without, the run ends there.</summary>
    public bool Decodes { get; init; } = true;

    /// <summary>All faults at once.</summary>
    /// <exception cref="OptionsException">Something lies out of range.</exception>
    internal void Check(int factor)
    {
        var faults = new List<string>();
        if (Prompts.Count == 0) faults.Add("at least one prompt is needed");
        if (Seeds is { } seeds && seeds.Count != Prompts.Count) faults.Add($"{seeds.Count} seeds were given for {Prompts.Count} prompts");
        if (!double.IsFinite(Guidance)) faults.Add("guidance must be a finite number");
        if (Height is { } rows && (rows < factor || rows % factor != 0)) faults.Add($"the height {rows} is no multiple of {factor}");
        if (Width is { } columns && (columns < factor || columns % factor != 0)) faults.Add($"the width {columns} is no multiple of {factor}");
        if (Start is not null && Strength is not (> 0 and <= 1)) faults.Add($"the strength {Strength} must lie above 0 and not above 1");
        if (Start is not null && Latents is not null) faults.Add("a start picture and start latents exclude each other");
        if (faults.Count > 0) throw new OptionsException($"Pictures cannot be made so: {string.Join("; ", faults)}.");
    }
}
