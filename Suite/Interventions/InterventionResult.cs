using Prisma.Diffusion;

namespace Prisma;

/// <summary>The same noise drawn twice: as it is, and with features changed. Owns both; dispose it.</summary>
public sealed class InterventionResult : IDisposable
{
    /// <summary>Without the intervention; the coders' places are kept.</summary>
    public required Generation Original { get; init; }

    /// <summary>With it; the coders' places are kept as the next layer saw them.</summary>
    public required Generation Edited { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Original.Dispose();
        Edited.Dispose();
    }
}
