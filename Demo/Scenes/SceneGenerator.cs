namespace Prisma.Demo;

/// <summary>
/// Draws scenes: 2–4 objects whose shape, colour, texture, size, place and turn are uniform and independent of each other, one of them
/// outlined in white. Layouts in which the marked object or another one is mostly hidden are drawn again, and every scene shows at least two shapes.
/// </summary>
public static class SceneGenerator
{
    /// <summary>The share of the marked object that always stays visible.</summary>
    public const float MarkedVisible = 0.75f;

    /// <summary>The share of every other object that always stays visible.</summary>
    public const float OthersVisible = 0.4f;

    /// <summary>Knots per side of the clouds' lattice.</summary>
    internal const int LatticeSide = 10;

    private const float SmallestRadius = 10f, LargestRadius = 15f, LightestGround = 165f, DarkestGround = 60f;
    private static readonly ShapeKind[] _shapes = Enum.GetValues<ShapeKind>();
    private static readonly ColourKind[] _colours = Enum.GetValues<ColourKind>();
    private static readonly TextureKind[] _textures = Enum.GetValues<TextureKind>();
    private static readonly BackgroundKind[] _grounds = Enum.GetValues<BackgroundKind>();

    /// <summary>The scene of a seed: the same on every machine.</summary>
    public static Scene Draw(ulong seed)
    {
        var random = new SceneRandom(seed);
        int count = 2 + random.NextBelow(3), marked = random.NextBelow(count);
        SceneObject[] objects = DrawKinds(random, count, marked);
        do Place(random, objects);
        while (!Visible(objects, marked));
        return new Scene { Seed = seed, Background = DrawGround(random), Objects = objects };
    }

    private static SceneObject[] DrawKinds(SceneRandom random, int count, int marked)
    {
        var objects = new SceneObject[count];
        do
        {
            for (int i = 0; i < count; i++)
            {
                TextureKind texture = random.NextOf(_textures);
                objects[i] = new SceneObject
                {
                    Shape = random.NextOf(_shapes),
                    Colour = random.NextOf(_colours),
                    Texture = texture,
                    Outline = i == marked ? OutlineKind.White : random.NextBelow(2) == 0 ? OutlineKind.Dark : OutlineKind.None,
                    TextureTurn = random.NextTurn(),
                    TexturePeriod = texture == TextureKind.Checkered ? random.NextBetween(7f, 9f) : random.NextBetween(5f, 6.5f),
                    Brightness = random.NextBetween(0.9f, 1.1f),
                    X = 0,
                    Y = 0,
                    Radius = 0,
                    Turn = default,
                };
            }
        }
        while (objects.All(item => item.Shape == objects[0].Shape));
        return objects;
    }

    private static void Place(SceneRandom random, SceneObject[] objects)
    {
        for (int i = 0; i < objects.Length; i++)
        {
            float radius = random.NextBetween(SmallestRadius, LargestRadius), margin = radius * 0.9f;
            objects[i] = objects[i] with
            {
                Radius = radius,
                X = random.NextBetween(margin, Scene.Width - margin),
                Y = random.NextBetween(margin, Scene.Width - margin),
                Turn = random.NextTurn(),
            };
        }
    }

    private static bool Visible(SceneObject[] objects, int marked)
    {
        byte[] owners = ScenePainter.Owners(objects);
        for (int i = 0; i < objects.Length; i++)
        {
            int whole = ScenePainter.Owners([objects[i]]).Count(owner => owner == 1), seen = owners.Count(owner => owner == i + 1);
            if (seen < whole * (i == marked ? MarkedVisible : OthersVisible)) return false;
        }
        return true;
    }

    private static SceneBackground DrawGround(SceneRandom random)
    {
        BackgroundKind kind = random.NextOf(_grounds);
        Rgb from = DrawTone(random), to = DrawTone(random);
        // Bands and tiles have hard edges; their two tones stay closer than those that flow into each other.
        if (kind is BackgroundKind.Bands or BackgroundKind.Tiles) to = from.Mix(to, 0.35f);
        float period = kind switch
        {
            BackgroundKind.Clouds => random.NextBetween(8f, 20f),
            BackgroundKind.Tiles => random.NextBetween(12f, 28f),
            _ => random.NextBetween(6f, 20f),
        };
        var lattice = new float[LatticeSide * LatticeSide];
        for (int i = 0; i < lattice.Length; i++) lattice[i] = random.NextUnit();
        var specks = new SceneBackground.Speck[6 + random.NextBelow(9)];
        for (int i = 0; i < specks.Length; i++)
        {
            specks[i] = new(random.NextBetween(0, Scene.Width), random.NextBetween(0, Scene.Width), random.NextBetween(0.7f, 1.7f), random.NextOf(_colours));
        }
        return new SceneBackground { Kind = kind, From = from, To = to, Turn = random.NextTurn(), Period = period, Lattice = lattice, Specks = specks };
    }

    /// <summary>A grey with a slight tint.</summary>
    private static Rgb DrawTone(SceneRandom random)
    {
        float grey = random.NextBetween(DarkestGround, LightestGround);
        return new(grey + random.NextBetween(-24, 24), grey + random.NextBetween(-24, 24), grey + random.NextBetween(-24, 24));
    }
}
