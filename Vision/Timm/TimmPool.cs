namespace Prisma.Vision;

/// <summary>How a timm model makes one state of its tokens.</summary>
public enum TimmPool
{
    /// <summary>The first token.</summary>
    Token,
    /// <summary>The mean of the tokens.</summary>
    Average,
    /// <summary>The greatest value of each axis.</summary>
    Max,
    /// <summary>The mean of both.</summary>
    AverageMax,
    /// <summary>Attention pooling.</summary>
    Attention,
    /// <summary>Not at all.</summary>
    None,
}
