namespace Prisma.Circuits;

/// <summary>What a node of an attribution graph is; also the order of nodes.</summary>
public enum GraphNodeKind
{
    /// <summary>An active feature of a transcoder.</summary>
    Feature,
    /// <summary>What the transcoders of a block leave unexplained.</summary>
    Error,
    /// <summary>A token as it enters the first block.</summary>
    Embedding,
    /// <summary>A class that may be answered.</summary>
    Logit,
}

/// <summary>A node of an attribution graph.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Layer">Its block; −1 for embeddings, the number of blocks for logits.</param>
/// <param name="Token">Its token; −1 where all tokens are summed, and for logits.</param>
/// <param name="Index">The feature or the class; −1 for errors, the token for embeddings.</param>
/// <param name="Value">The feature's activation (summed over tokens where they are), or the class's probability.</param>
public readonly record struct GraphNode(GraphNodeKind Kind, int Layer, int Token, int Index, double Value);
