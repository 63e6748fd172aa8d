namespace Prisma.Circuits;

/// <summary>By what the features of a picture are ranked.</summary>
public enum FeatureRanking
{
    /// <summary>The largest activation on any token.</summary>
    Highest,
    /// <summary>The sum over tokens.</summary>
    Total,
    /// <summary>The number of tokens on which it fires.</summary>
    Tokens,
}
