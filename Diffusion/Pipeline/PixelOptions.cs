using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What pictures a U-net without text is to make. Tensors are borrowed.</summary>
public sealed record PixelOptions
{
    /// <summary>How many pictures.</summary>
    public int Count { get; init; } = 1;

    /// <summary>The class of each picture, for models that know classes.</summary>
    public IReadOnlyList<int>? Classes { get; init; }

    /// <summary>Steps of the scheduler.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Picture i draws its noise from seed + i, so that it does not depend on the others.</summary>
    public long Seed { get; init; }

    /// <summary>Rows of the picture; null for the size that the U-net was trained on.</summary>
    public int? Height { get; init; }

    /// <summary>Columns of the picture; null for the size that the U-net was trained on.</summary>
    public int? Width { get; init; }

    /// <summary>The start noise, unit variance [B, C, H, W]; drawn from the seed where null.</summary>
    public Tensor? Start { get; init; }

    /// <summary>The noise of each step [K, B, C, H, W]; drawn from the seed where null.</summary>
    public Tensor? Noises { get; init; }

    /// <summary>The share of fresh noise of DDIM.</summary>
    public double Eta { get; init; }

    internal void Check(UnetConfig config)
    {
        var faults = new List<string>();
        if (Count < 1) faults.Add($"{Count} pictures are none");
        if (config.Classes > 0 && Classes is null) faults.Add($"the model draws classes: give one for each picture (0 to {config.Classes - 1})");
        if (config.Classes == 0 && Classes is not null) faults.Add("the model knows no classes");
        if (config.Classes > 0 && Classes is { } classes)
        {
            if (classes.Count != Count) faults.Add($"{classes.Count} classes were given for {Count} pictures");
            faults.AddRange(classes.Where(number => number < 0 || number >= config.Classes).Distinct().Select(number => $"there is no class {number}; the model knows {config.Classes} (0 to {config.Classes - 1})"));
        }
        var least = 1 << (config.Channels.Count - 1);
        foreach (var (what, side) in new[] { ("height", Height), ("width", Width) })
            if (side is { } pixels && (pixels < least || pixels % least != 0)) faults.Add($"the {what} {pixels} is no multiple of {least}");
        if (config.Side == 0 && (Height is null || Width is null)) faults.Add("the configuration does not say which size the U-net was trained on: give the size");
        if (faults.Count > 0) throw new OptionsException($"Pictures cannot be made so: {string.Join("; ", faults)}.");
    }
}
