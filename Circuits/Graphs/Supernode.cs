namespace Prisma.Circuits;

/// <summary>A feature of the transcoder of a block.</summary>
/// <param name="Layer">The block.</param>
/// <param name="Feature">Its number.</param>
/// <param name="Token">One token; all where null.</param>
public readonly record struct LayerFeature(int Layer, int Feature, int? Token = null);

/// <summary>Features of an attribution graph that a reader takes together, because they do or mean the same.</summary>
/// <param name="Name">What they mean.</param>
/// <param name="Members">The features.</param>
public sealed record Supernode(string Name, IReadOnlyList<LayerFeature> Members);

/// <summary>A supernode that is driven.</summary>
/// <param name="Node">The supernode.</param>
/// <param name="Factor">Each member becomes so many times what it was in the unchanged run: 0 switches it off, −1 turns it round, 1 leaves it.</param>
public sealed record SupernodeChange(Supernode Node, double Factor);

/// <summary>What is held at the unchanged run while supernodes are driven.</summary>
public enum InterventionHold
{
    /// <summary>Nothing: everything behind is computed anew.</summary>
    Nothing,
    /// <summary>Attention patterns, as attribution graphs hold them.</summary>
    Attention,
    /// <summary>Attention patterns, the scales of all norms and what MLPs write: only direct effects are left, which are the graph's edges.</summary>
    AllButDirect,
}

/// <summary>What driving supernodes did.</summary>
/// <param name="Before">The logits of the unchanged run.</param>
/// <param name="After">Those of the changed one.</param>
/// <param name="Activations">Of each watched supernode the sum of its members' activations, before and after.</param>
public sealed record SupernodeEffect(IReadOnlyList<float> Before, IReadOnlyList<float> After, IReadOnlyList<(Supernode Node, double Before, double After)> Activations);
