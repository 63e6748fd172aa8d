namespace Prisma.Demo;

/// <summary>How the architectures of sparse coders are compared.</summary>
public sealed record CoderContestOptions
{
    /// <summary>The block after which the residual stream is read.</summary>
    public int Layer { get; init; } = 4;

    /// <summary>Features of every coder.</summary>
    public int Features { get; init; } = 512;

    /// <summary>Active features per token, where an architecture can be told.</summary>
    public int K { get; init; } = 16;

    /// <summary>Steps of every coder.</summary>
    public int Steps { get; init; } = 400;

    /// <summary>Scenes per step; each gives a row per token.</summary>
    public int ScenesPerStep { get; init; } = 8;

    /// <summary>Training scenes whose tokens are used.</summary>
    public int TrainingScenes { get; init; } = 1000;

    /// <summary>Held-out scenes on which coders are measured.</summary>
    public int HeldOut { get; init; } = 200;

    /// <summary>Seed of weights and order.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Names of the entries to run; null for all.</summary>
    public IReadOnlyList<string>? Only { get; init; }
}
