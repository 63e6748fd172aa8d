namespace Prisma.Demo;

/// <summary>
/// A drawn scene: what is in it, not its pixels, so that it can be painted at any size. The class to name is the shape of the one
/// object with a white outline.
/// </summary>
public sealed record Scene
{
    /// <summary>Width and height in scene units, and the pixels per side that the models see.</summary>
    public const int Width = 64;

    /// <summary>The rule that marks the object, in words.</summary>
    public const string Rule = "the shape of the object with the white outline";

    /// <summary>The seed that draws this scene again.</summary>
    public required ulong Seed { get; init; }

    /// <summary>What lies behind the objects.</summary>
    public required SceneBackground Background { get; init; }

    /// <summary>The objects from back to front: a later one covers an earlier one.</summary>
    public required IReadOnlyList<SceneObject> Objects { get; init; }

    /// <summary>Index of the marked object in <see cref="Objects"/>.</summary>
    public int MarkedIndex => Objects.Select((item, index) => (item, index)).Single(pair => pair.item.Marked).index;

    /// <summary>The marked object.</summary>
    public SceneObject Marked => Objects[MarkedIndex];

    /// <summary>The class to predict.</summary>
    public ShapeKind Label => Marked.Shape;

    /// <summary>The scene in words, from the marked object's point of view: "a red striped circle with a white outline above a blue star".</summary>
    public string Caption
    {
        get
        {
            SceneObject marked = Marked;
            var others = Objects.Where(item => !item.Marked).Select(other => $"{Relation(marked, other)} {other.Describe()}").ToList();
            string tail = others.Count == 1 ? others[0] : $"{string.Join(", ", others[..^1])} and {others[^1]}";
            return $"{marked.Describe()} {tail}";
        }
    }

    private static string Relation(SceneObject from, SceneObject to)
    {
        float dx = to.X - from.X, dy = to.Y - from.Y;
        if (Math.Abs(dx) > Math.Abs(dy)) return dx > 0 ? "left of" : "right of";
        return dy > 0 ? "above" : "below";
    }
}
