namespace Prisma.Sae;

/// <summary>One thing that a source delivers for every row: the activations at one place, or a tensor of a file.</summary>
/// <param name="Name">The place's name, or the tensor's.</param>
/// <param name="Width">Numbers per row.</param>
public sealed record SourceColumn(string Name, int Width);
