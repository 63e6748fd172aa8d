namespace Prisma.Sae;

/// <summary>One coder of a run: what it reads and predicts, how large it is, how it is trained.</summary>
public sealed record TrainJob
{
    /// <summary>Its name in logs, and its folder.</summary>
    public required string Name { get; init; }

    /// <summary>The columns it reads; several lie side by side (a crosscoder).</summary>
    public required IReadOnlyList<string> Reads { get; init; }

    /// <summary>The columns it predicts; those it reads, for an autoencoder.</summary>
    public required IReadOnlyList<string> Writes { get; init; }

    /// <summary>Number of features.</summary>
    public required int Features { get; init; }

    /// <summary>How it is trained.</summary>
    public required CoderSettings Settings { get; init; }
}
