using Prisma.Core;

namespace Prisma;

/// <summary>What changing one feature did to one picture, beside the same change of a random direction.</summary>
public sealed record FeatureEffect
{
    /// <summary>The block whose coder has the feature.</summary>
    public required HookSite Site { get; init; }

    /// <summary>The feature.</summary>
    public required int Feature { get; init; }

    /// <summary>The number of the picture.</summary>
    public required int Picture { get; init; }

    /// <summary>Its mean activation over cells and steps.</summary>
    public required double Activation { get; init; }

    /// <summary>The share of the picture's cells at which it fires in some step: the mask.</summary>
    public required double Covered { get; init; }

    /// <summary>Mean absolute change of the colours inside the mask, 0 to 1.</summary>
    public required double Inside { get; init; }

    /// <summary>The same outside; null where the feature fires everywhere.</summary>
    public required double? Outside { get; init; }

    /// <summary>The change inside where the feature's direction is replaced by a random one of the same length, cell by cell as strong.</summary>
    public required double RandomInside { get; init; }

    /// <summary>The random direction's change outside.</summary>
    public required double? RandomOutside { get; init; }

    /// <summary>How the change splits into composition, detail and colour.</summary>
    public required PictureChange Change { get; init; }

    /// <summary>The change in embedding space with all outside the mask grey; null without a model.</summary>
    public double? EmbeddedInside { get; init; }

    /// <summary>The change in embedding space with all inside the mask grey; null without a model.</summary>
    public double? EmbeddedOutside { get; init; }

    /// <summary>How much more the mask changes than the rest: inside / (inside + outside), ½ for a change that knows no place; null where nothing is outside or changed.</summary>
    public double? Locality => Share(Inside, Outside);

    /// <summary>The random direction's <see cref="Locality"/>.</summary>
    public double? RandomLocality => Share(RandomInside, RandomOutside);

    private static double? Share(double inside, double? outside) => outside is { } rest && inside + rest > 0 ? inside / (inside + rest) : null;
}
