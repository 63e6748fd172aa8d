namespace Prisma.Cli;

/// <summary>How well features match directions that are known.</summary>
/// <param name="Directions">How many there are.</param>
/// <param name="MeanMaxCosine">Mean over them of the largest cosine with a feature's direction.</param>
/// <param name="Recovered">The share that some feature matches with a cosine of 0.9 or more.</param>
internal sealed record KnownDirections(int Directions, double MeanMaxCosine, double Recovered);
