namespace Prisma.Sae;

/// <summary>Which pre-activations compete for the places of dead features.</summary>
public enum AuxCandidates
{
    /// <summary>max(0, pre) of dead features.</summary>
    Positive,

    /// <summary>Pre-activations of dead features as they are, negative ones too (SAELens).</summary>
    Raw,

    /// <summary>max(0, pre), living features counting as zero: fewer dead features than K leave places empty (OpenAI).</summary>
    PositiveOrZero,
}
