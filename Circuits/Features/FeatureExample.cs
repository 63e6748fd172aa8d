namespace Prisma.Circuits;

/// <summary>A picture on which a feature fires strongly.</summary>
/// <param name="Picture">Its number in the catalogue.</param>
/// <param name="Highest">The feature's largest activation over the picture's tokens.</param>
/// <param name="Total">The sum over them.</param>
/// <param name="Tokens">On how many it fires.</param>
/// <param name="Peak">The coder's token of the largest activation, from 0.</param>
/// <param name="Activations">On each of the coder's tokens.</param>
public sealed record FeatureExample(int Picture, float Highest, double Total, int Tokens, int Peak, IReadOnlyList<float> Activations);
