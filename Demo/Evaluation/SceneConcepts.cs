namespace Prisma.Demo;

/// <summary>The drawn properties that features can stand for: what is in a scene, and what each patch shows.</summary>
public static class SceneConcepts
{
    /// <summary>Every property: shapes, colours, textures, the mark, and the ground.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Enum.GetNames<ShapeKind>().Select(Lower), .. Enum.GetNames<ColourKind>().Select(Lower), .. Enum.GetNames<TextureKind>().Select(Lower),
        "white outline", "ground",
    ];

    /// <summary>Whether some object of a scene has the property; the ground is in every scene.</summary>
    public static bool IsIn(Scene scene, string concept)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return concept == "ground" || scene.Objects.Any(item => Of(item).Contains(concept));
    }

    /// <summary>For every patch of a grid, the numbers of the properties that it shows.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> OnPatches(Scene scene, int grid)
    {
        ArgumentNullException.ThrowIfNull(scene);
        int[][] ofObjects = [.. scene.Objects.Select(item => Of(item).Select(IndexOf).Order().ToArray())];
        int[] ground = [IndexOf("ground")];
        return [.. Owners(scene, grid).Select(owner => owner < 0 ? ground : ofObjects[owner])];
    }

    /// <summary>The object in each patch of a grid; −1 for the ground.</summary>
    public static int[] Owners(Scene scene, int grid)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return PatchTruth.Objects(ScenePainter.Owners(scene.Objects), Scene.Width, Scene.Width / grid);
    }

    /// <summary>The properties of an object.</summary>
    public static IReadOnlyList<string> Of(SceneObject item)
    {
        ArgumentNullException.ThrowIfNull(item);
        string[] kinds = [Lower($"{item.Shape}"), Lower($"{item.Colour}"), Lower($"{item.Texture}")];
        return item.Marked ? [.. kinds, "white outline"] : kinds;
    }

    private static int IndexOf(string concept)
    {
        for (var k = 0; k < Names.Count; k++)
            if (Names[k] == concept) return k;
        throw new ArgumentException($"'{concept}' is no drawn property.", nameof(concept));
    }

    private static string Lower(string name) => name.ToLowerInvariant();
}
