namespace Prisma.Sae;

/// <summary>How a step found its gradients.</summary>
public enum GradientPath
{
    /// <summary>By autograd over all features of all rows.</summary>
    Dense,

    /// <summary>Through the entries that were kept, by sparse kernels.</summary>
    Sparse,
}
