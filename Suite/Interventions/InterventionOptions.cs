using Prisma.Core;
using Prisma.Diffusion;

namespace Prisma;

/// <summary>How features are changed while a picture is drawn.</summary>
public sealed record InterventionOptions
{
    /// <summary>Changes of features, in order.</summary>
    public IReadOnlyList<PictureEdit> Edits { get; init; } = [];

    /// <summary>Features that take over, cell by cell and step by step, what they were for <see cref="Sources"/>.</summary>
    public IReadOnlyList<(HookSite Site, int Feature)> Transplants { get; init; } = [];

    /// <summary>How far transplants go: 1 to what a feature was for the source, 2 as far again beyond it.</summary>
    public double TransplantStrength { get; init; } = 1;

    /// <summary>The prompts from which features are transplanted, drawn from the same noise: one for all pictures, or one for each.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Blocks whose update is taken away.</summary>
    public IReadOnlyList<HookSite> Ablated { get; init; } = [];

    /// <summary>Where to act, as large as the picture: the brighter, the more. Everywhere where null.</summary>
    public RgbImage? Mask { get; init; }

    /// <summary>At which steps to act, counted from 0; at all where null.</summary>
    public IReadOnlySet<int>? Steps { get; init; }

    /// <summary>Which passes of a guided run to act on.</summary>
    public InterventionHalves Halves { get; init; }

    /// <summary>The block's update becomes what the edits add, in place of everything: a feature shown alone.</summary>
    public bool Alone { get; init; }

    internal bool ActsAt(DenoiseStep step) => Steps?.Contains(step.Index) ?? true;
}
