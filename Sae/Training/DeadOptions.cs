namespace Prisma.Sae;

/// <summary>When a feature counts as dead in training.</summary>
public sealed record DeadOptions
{
    /// <summary>How long a feature must have been silent, in <see cref="Unit"/>s.</summary>
    public long After { get; init; } = 10_000_000;

    /// <summary>What is counted.</summary>
    public DeadUnit Unit { get; init; } = DeadUnit.Rows;

    /// <summary>Whether exactly <see cref="After"/> does not suffice.</summary>
    public bool Strict { get; init; }

    /// <summary>Whether the step's own firing counts before its losses are formed.</summary>
    public bool SeesOwnStep { get; init; } = true;

    /// <summary>Whether the step in which a feature fires is counted as one of silence, so that counters start at one unit (OpenAI).</summary>
    public bool CountsFiringStep { get; init; }

    /// <summary>Above which magnitude a feature has fired.</summary>
    public double FiresAbove { get; init; }
}
