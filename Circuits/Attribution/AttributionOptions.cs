using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>What is put in place of pixels that are taken away.</summary>
public enum PixelFill
{
    /// <summary>Zero after normalisation: the mean colour of the data that most models were trained on.</summary>
    Zero,
    /// <summary>The picture's own mean colour.</summary>
    Mean,
    /// <summary>The picture itself, blurred.</summary>
    Blur,
}

/// <summary>How several heads become one map.</summary>
public enum HeadFusion
{
    /// <summary>The mean over heads.</summary>
    Mean,
    /// <summary>The largest over heads.</summary>
    Max,
    /// <summary>The smallest over heads.</summary>
    Min,
}

/// <summary>What may be chosen about an attribution. Each method reads what concerns it and leaves the rest.</summary>
public sealed record AttributionOptions
{
    /// <summary>The block, negative from the end; the method's own choice where null.</summary>
    public int? Layer { get; init; }

    /// <summary>The part of the model that sees the picture; found where null.</summary>
    public string? Part { get; init; }

    /// <summary>One head of an attention map; all, fused, where null.</summary>
    public int? Head { get; init; }

    /// <summary>How heads are fused.</summary>
    public HeadFusion Fusion { get; init; } = HeadFusion.Mean;

    /// <summary>The share of the smallest attention entries that rollout leaves out; 0 keeps all (0.9 is used where maps are too smooth).</summary>
    public double Discard { get; init; }

    /// <summary>Steps of integrated gradients (midpoint rule): 50 keeps the gap of completeness near 1 % on ViTs.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>What stands in for removed pixels: the baseline of integrated gradients, the fill of occlusion.</summary>
    public PixelFill Fill { get; init; } = PixelFill.Zero;

    /// <summary>σ of <see cref="PixelFill.Blur"/> in pixels of the model's picture.</summary>
    public double BlurSigma { get; init; } = 10;

    /// <summary>The side of an occluding window, in patches.</summary>
    public int Window { get; init; } = 2;

    /// <summary>By how many patches the window moves.</summary>
    public int Stride { get; init; } = 1;

    /// <summary>Random copies that SmoothGrad and RISE average over, and channels that Score-CAM and Ablation-CAM ask about; each method's own default where null.</summary>
    public int? Samples { get; init; }

    /// <summary>Changed copies of a picture in one pass: memory against speed.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Of everything random.</summary>
    public long Seed { get; init; }

    /// <summary>What preprocessing did to each picture of the batch, so that maps find back to the originals; null: the model saw them as they are.</summary>
    public IReadOnlyList<ImageGeometry>? Geometries { get; init; }

    /// <summary>Refuses impossible values, all at once.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        var faults = new List<string>();
        if (Steps < 1) faults.Add($"steps is {Steps}, must be at least 1");
        if (Window < 1) faults.Add($"window is {Window}, must be at least 1");
        if (Stride < 1) faults.Add($"stride is {Stride}, must be at least 1");
        if (Batch < 1) faults.Add($"batch is {Batch}, must be at least 1");
        if (Samples < 1) faults.Add($"samples is {Samples}, must be at least 1");
        if (Head < 0) faults.Add($"head is {Head}, must not be negative");
        if (Discard is not (>= 0 and < 1)) faults.Add($"discard is {Discard}, must be at least 0 and below 1");
        if (!(BlurSigma > 0)) faults.Add($"the blur's sigma is {BlurSigma}, must be positive");
        if (faults.Count > 0) throw new OptionsException($"Attribution: {string.Join("; ", faults)}.");
    }
}
