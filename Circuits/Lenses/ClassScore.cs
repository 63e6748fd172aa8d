namespace Prisma.Circuits;

/// <summary>A class as a layer decodes it.</summary>
/// <param name="Index">The class.</param>
/// <param name="Name">Its label, or its number.</param>
/// <param name="Logit">The decoded logit.</param>
/// <param name="Probability">Its softmax over all classes.</param>
public sealed record ClassScore(int Index, string Name, float Logit, float Probability);
