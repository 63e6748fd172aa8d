namespace Prisma.Core;

/// <summary>What of a model is needed.</summary>
public enum ModelNeeds
{
    /// <summary>All that loading takes.</summary>
    Weights,

    /// <summary>Settings and vocabularies: enough to preprocess and to tokenize.</summary>
    Settings,
}
