namespace Prisma.Vision;

/// <summary>How a timm trunk reaches the joint space of an open_clip model.</summary>
public enum TimmProjection
{
    /// <summary>By its own classifier, or not at all: what it pools is already there.</summary>
    Trunk,
    /// <summary>By a linear map on what it pools.</summary>
    Linear,
    /// <summary>By an MLP on what it pools.</summary>
    Mlp,
}
