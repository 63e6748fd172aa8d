namespace Prisma.Core;

/// <summary>The kinds of place of an attention module: a block with two of them needs two sets of names.</summary>
public sealed record AttentionPlaces
{
    /// <summary>Those of a block's only attention.</summary>
    public static AttentionPlaces Main { get; } = new()
    {
        ModuleIn = Site.AttnModuleIn,
        Q = Site.Q,
        K = Site.K,
        V = Site.V,
        Scores = Site.AttnScores,
        Pattern = Site.Pattern,
        Z = Site.Z,
        Result = Site.Result,
        ModuleOut = Site.AttnModuleOut,
    };

    /// <summary>Those of attention over time, where space has an attention of its own.</summary>
    public static AttentionPlaces Temporal { get; } = new()
    {
        ModuleIn = Site.TemporalModuleIn,
        Q = Site.TemporalQ,
        K = Site.TemporalK,
        V = Site.TemporalV,
        Scores = Site.TemporalScores,
        Pattern = Site.TemporalPattern,
        Z = Site.TemporalZ,
        Result = Site.TemporalResult,
        ModuleOut = Site.TemporalModuleOut,
    };

    /// <summary>What the module reads.</summary>
    public required SiteKind ModuleIn { get; init; }

    /// <summary>Queries.</summary>
    public required SiteKind Q { get; init; }

    /// <summary>Keys.</summary>
    public required SiteKind K { get; init; }

    /// <summary>Values.</summary>
    public required SiteKind V { get; init; }

    /// <summary>Scores before the softmax.</summary>
    public required SiteKind Scores { get; init; }

    /// <summary>Probabilities.</summary>
    public required SiteKind Pattern { get; init; }

    /// <summary>What each head read.</summary>
    public required SiteKind Z { get; init; }

    /// <summary>What each head writes.</summary>
    public required SiteKind Result { get; init; }

    /// <summary>What the module returns.</summary>
    public required SiteKind ModuleOut { get; init; }
}
