namespace Prisma.Circuits;

/// <summary>Features of an attribution graph that a reader takes together, because they do or mean the same.</summary>
/// <param name="Name">What they mean.</param>
/// <param name="Members">The features.</param>
public sealed record Supernode(string Name, IReadOnlyList<LayerFeature> Members);
