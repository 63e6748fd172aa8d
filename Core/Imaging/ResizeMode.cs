namespace Prisma.Core;

/// <summary>Which size a picture is brought to before the crop.</summary>
public enum ResizeMode
{
    /// <summary>None: it stays as it is.</summary>
    Keep,

    /// <summary>Exactly height x width; proportions are not kept.</summary>
    Exact,

    /// <summary>The shorter side becomes <see cref="ResizeRule.Height"/>; the longer follows, rounded down.</summary>
    ShortestEdge,

    /// <summary>As small as covers height x width; proportions are kept, both sides rounded to the nearest (halves to even).</summary>
    Cover,

    /// <summary>As large as fits into height x width; proportions are kept, both sides rounded to the nearest (halves to even).</summary>
    Fit,

    /// <summary>
    /// As large as gives at most <see cref="ResizeRule.MostPatches"/> patches of <see cref="ResizeRule.Height"/> pixels a side (SigLIP 2 of variable
    /// resolution); proportions are kept, both sides rounded up to whole patches.
    /// </summary>
    PatchBudget,
}
