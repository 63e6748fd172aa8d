namespace Prisma.Diffusion;

/// <summary>How many layers the transformers of one level have: one number for all of them, or one for each.</summary>
/// <param name="layers">One number, or one for each transformer in their order.</param>
public sealed class TransformerDepths(params IReadOnlyList<int> layers)
{
    /// <summary>How many numbers there are; 1 where all transformers of the level have the same depth.</summary>
    public int Count => layers.Count;

    /// <summary>The layers of one of the level's transformers.</summary>
    public int this[int transformer] => layers.Count == 1 ? layers[0] : layers[transformer];

    /// <summary>The same number for all transformers.</summary>
    public static implicit operator TransformerDepths(int layers) => new(layers);
}
