namespace Prisma.Demo;

/// <summary>
/// A picture that its caption says almost everything of: one plain object on a flat ground. The seed adds what no caption says: a little to
/// its place, its size, its brightness and the ground's tone.
/// </summary>
/// <param name="Shape">What the object is.</param>
/// <param name="Colour">Its colour.</param>
/// <param name="Place">Where it stands.</param>
/// <param name="Ground">How bright the ground is.</param>
/// <param name="Seed">Of what the caption does not say.</param>
public sealed record CaptionedPicture(ShapeKind Shape, ColourKind Colour, PlaceKind Place, GroundKind Ground, ulong Seed)
{
    /// <summary>Pixels per side that the models see.</summary>
    public const int Side = 96;

    private const float Spacing = 12f, Shake = 1.5f, SmallestRadius = 13f, LargestRadius = 15f;
    private static readonly ShapeKind[] _shapes = Enum.GetValues<ShapeKind>();
    private static readonly ColourKind[] _colours = Enum.GetValues<ColourKind>();
    private static readonly PlaceKind[] _places = Enum.GetValues<PlaceKind>();
    private static readonly GroundKind[] _grounds = Enum.GetValues<GroundKind>();

    /// <summary>The picture of a seed: every trait uniform and independent of the others.</summary>
    public static CaptionedPicture Draw(ulong seed)
    {
        var random = new SceneRandom(seed);
        return new(random.NextOf(_shapes), random.NextOf(_colours), random.NextOf(_places), random.NextOf(_grounds), random.NextBits());
    }

    /// <summary>The pictures <paramref name="first"/> … <paramref name="first"/> + <paramref name="count"/> − 1 of a split.</summary>
    public static IReadOnlyList<CaptionedPicture> Draw(SceneSplit split, long first, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Draw(split.Seed(first + i)))];

    /// <summary>The picture in words: "a red circle at the left on a dark ground".</summary>
    public string Caption
    {
        get
        {
            string colour = PictureTrait.Colour.Answers()[(int)Colour], place = PictureTrait.Place.Answers()[(int)Place];
            return $"{("aeiou".Contains(colour[0]) ? "an" : "a")} {colour} {PictureTrait.Shape.Answers()[(int)Shape]} {(Place == PlaceKind.Centre ? "in" : "at")} the {place} "
                + $"on a {PictureTrait.Ground.Answers()[(int)Ground]} ground";
        }
    }

    /// <summary>The square that holds the object whatever the seed: its left and upper edge and its side, in shares of the picture's side.</summary>
    public (float Left, float Top, float Side) Room
    {
        get
        {
            const float half = LargestRadius + Shake;
            return ((Middle - half) / Scene.Width, (Scene.Width / 2f - half) / Scene.Width, 2 * half / Scene.Width);
        }
    }

    private float Middle => Scene.Width / 2f + ((int)Place - 1) * Spacing;

    /// <summary>The number of the answer to a trait.</summary>
    public int this[PictureTrait trait] => trait switch
    {
        PictureTrait.Shape => (int)Shape,
        PictureTrait.Colour => (int)Colour,
        PictureTrait.Place => (int)Place,
        PictureTrait.Ground => (int)Ground,
        _ => throw new ArgumentOutOfRangeException(nameof(trait)),
    };

    /// <summary>The same with another answer to one trait.</summary>
    public CaptionedPicture With(PictureTrait trait, int answer) => trait switch
    {
        PictureTrait.Shape => this with { Shape = (ShapeKind)answer },
        PictureTrait.Colour => this with { Colour = (ColourKind)answer },
        PictureTrait.Place => this with { Place = (PlaceKind)answer },
        PictureTrait.Ground => this with { Ground = (GroundKind)answer },
        _ => throw new ArgumentOutOfRangeException(nameof(trait)),
    };

    /// <summary>The pixels of pictures as a model takes them, [N, 3, <paramref name="side"/>, <paramref name="side"/>] in −1 to 1.</summary>
    public static float[] Pixels(IReadOnlyList<CaptionedPicture> pictures, int side = Side)
    {
        int values = 3 * side * side;
        var pixels = new float[pictures.Count * values];
        for (int i = 0; i < pictures.Count; i++) SceneBatch.Normalise(ScenePainter.Paint(pictures[i].ToScene(), side), pixels.AsSpan(i * values, values));
        return pixels;
    }

    internal Scene ToScene()
    {
        var random = new SceneRandom(Seed);
        float grey = Ground switch { GroundKind.Dark => 44, GroundKind.Grey => 112, _ => 190 };
        float tone = grey + random.NextBetween(-8, 8);
        var item = new SceneObject
        {
            Shape = Shape,
            Colour = Colour,
            Texture = TextureKind.Plain,
            Outline = OutlineKind.None,
            X = Middle + random.NextBetween(-Shake, Shake),
            Y = Scene.Width / 2f + random.NextBetween(-Shake, Shake),
            Radius = random.NextBetween(SmallestRadius, LargestRadius),
            Turn = (1, 0),
            TextureTurn = (1, 0),
            TexturePeriod = 1,
            Brightness = random.NextBetween(0.95f, 1.05f),
        };
        var ground = new SceneBackground
        {
            Kind = BackgroundKind.Gradient,
            From = new Rgb(tone, tone, tone),
            To = new Rgb(0.85f * tone, 0.85f * tone, 0.9f * tone),
            Turn = (0, 1),
            Period = 1,
            Lattice = [],
            Specks = [],
        };
        return new Scene { Seed = Seed, Background = ground, Objects = [item] };
    }
}
