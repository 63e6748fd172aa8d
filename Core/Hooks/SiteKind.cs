namespace Prisma.Core;

/// <summary>A kind of place in a network with its known axes: declared once in <see cref="Site"/>, compared by reference.</summary>
/// <param name="name">The name as in TransformerLens and ViT-Prisma, without block and part: <c>attn.hook_pattern</c>.</param>
/// <param name="axes">What each axis of a tensor recorded here means.</param>
public sealed class SiteKind(string name, params Axis[] axes)
{
    /// <summary>The name without block and part.</summary>
    public string Name { get; } = name;

    /// <summary>The meaning of each axis.</summary>
    public IReadOnlyList<Axis> Axes { get; } = axes;

    /// <summary>
    /// What parts begin with under which this kind stands, where another kind has the same name elsewhere: <c>unet</c>, <c>vae</c>. Empty for kinds
    /// that stand under any part.
    /// </summary>
    public IReadOnlyList<string> Roots { get; init; } = [];

    /// <summary>Whether values are pictures of channels, [B, C, rows, columns], with one vector at each cell.</summary>
    public bool IsChannelFirst => Axes is [_, Axis.Channel, Axis.Row, Axis.Column];

    /// <summary>This kind of place in one block of the only stack that has it.</summary>
    public HookSite this[int layer] => new(this, new SitePath("", layer));

    /// <summary>This kind of place outside the blocks of a part, such as the U-net path of a module.</summary>
    public HookSite this[string part] => new(this, new SitePath(part, SitePath.NoLayer));

    /// <summary>This kind of place where it is not repeated per block.</summary>
    public HookSite Only => new(this, new SitePath("", SitePath.NoLayer));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
