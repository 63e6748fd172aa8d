namespace Prisma.Circuits;

/// <summary>A feature that fires on a picture.</summary>
/// <param name="Feature">Its number.</param>
/// <param name="Highest">Its largest activation over the picture's tokens.</param>
/// <param name="Total">The sum over them.</param>
/// <param name="Tokens">On how many it fires.</param>
public sealed record FeatureFiring(int Feature, float Highest, double Total, int Tokens);
