namespace Prisma.Demo;

/// <summary>
/// Paints scenes at any size by signed distances, with smooth edges. Only +, −, ×, ÷ and square roots enter, so every machine paints
/// the same bytes. Pictures are [size, size, 3] bytes, RGB, row by row.
/// </summary>
public static class ScenePainter
{
    private const float WhiteWidth = 1.7f, DarkWidth = 1.4f, DarkTone = 0.5f;
    private static readonly Rgb _white = new(252, 252, 250), _dark = new(22, 20, 26);

    /// <summary>The picture of the scene.</summary>
    public static byte[] Paint(Scene scene, int size = Scene.Width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var canvas = new Rgb[size * size];
        float scale = size / (float)Scene.Width;
        PaintGround(canvas, scene.Background, size, scale);
        foreach (SceneObject item in scene.Objects) PaintObject(canvas, item, size, scale);
        var bytes = new byte[canvas.Length * 3];
        for (int i = 0; i < canvas.Length; i++)
        {
            bytes[3 * i] = (byte)(canvas[i].R + 0.5f);
            bytes[3 * i + 1] = (byte)(canvas[i].G + 0.5f);
            bytes[3 * i + 2] = (byte)(canvas[i].B + 0.5f);
        }
        return bytes;
    }

    /// <summary>Which object each pixel shows: [size, size], 0 for the ground, else 1 + the object's index. Outlines belong to their object.</summary>
    public static byte[] Owners(IReadOnlyList<SceneObject> objects, int size = Scene.Width)
    {
        var owners = new byte[size * size];
        float scale = size / (float)Scene.Width;
        for (int i = 0; i < objects.Count; i++)
        {
            SceneObject item = objects[i];
            Box box = Box.Around(item.X, item.Y, item.Radius * ShapeGeometry.Reach, size, scale);
            for (int row = box.Top; row < box.Bottom; row++)
            {
                for (int column = box.Left; column < box.Right; column++)
                {
                    if (Distance(item, (column + 0.5f) / scale, (row + 0.5f) / scale) < 0) owners[row * size + column] = (byte)(i + 1);
                }
            }
        }
        return owners;
    }

    /// <summary>Signed distance in scene units from the rim of the object, negative inside.</summary>
    private static float Distance(SceneObject item, float x, float y)
    {
        float dx = (x - item.X) / item.Radius, dy = (y - item.Y) / item.Radius;
        (float cos, float sin) = item.Turn;
        return item.Radius * ShapeGeometry.Distance(item.Shape, dx * cos + dy * sin, dy * cos - dx * sin);
    }

    private static void PaintObject(Rgb[] canvas, SceneObject item, int size, float scale)
    {
        Rgb bright = Rgb.Of(item.Colour).Scale(item.Brightness), dark = bright.Scale(DarkTone);
        (Rgb rim, float width) = item.Outline switch
        {
            OutlineKind.White => (_white, WhiteWidth),
            OutlineKind.Dark => (_dark, DarkWidth),
            _ => (bright, 0f),
        };
        Box box = Box.Around(item.X, item.Y, item.Radius * ShapeGeometry.Reach, size, scale);
        for (int row = box.Top; row < box.Bottom; row++)
        {
            for (int column = box.Left; column < box.Right; column++)
            {
                float x = (column + 0.5f) / scale, y = (row + 0.5f) / scale, distance = Distance(item, x, y);
                float cover = Covered(-distance, scale);
                if (cover <= 0) continue;
                Rgb colour = bright.Mix(dark, DarkShare(item, x, y, scale));
                if (width > 0) colour = colour.Mix(rim, Covered(distance + width, scale));
                ref Rgb pixel = ref canvas[row * size + column];
                pixel = pixel.Mix(colour, cover);
            }
        }
    }

    /// <summary>The share of a pixel that lies on the positive side of an edge, given the signed distance of its centre in scene units.</summary>
    private static float Covered(float distance, float scale) => Math.Clamp(0.5f + distance * scale, 0f, 1f);

    private static float DarkShare(SceneObject item, float x, float y, float scale)
    {
        if (item.Texture == TextureKind.Plain) return 0;
        (float cos, float sin) = item.TextureTurn;
        float dx = x - item.X, dy = y - item.Y, period = item.TexturePeriod;
        float u = (dx * cos + dy * sin) / period, v = (dy * cos - dx * sin) / period;
        return item.Texture switch
        {
            TextureKind.Striped => Covered(Wave(u) * period, scale),
            TextureKind.Dotted => Covered((0.32f - Spread(u, v)) * period, scale),
            TextureKind.Checkered => Covered(Crossed(Wave(u), Wave(v)) * period, scale),
            _ => throw new ArgumentOutOfRangeException(nameof(item)),
        };
    }

    /// <summary>A triangle wave of period 1 between −1/4 and 1/4, slope ±1: the signed distance from the edges of stripes.</summary>
    private static float Wave(float u) => Math.Abs(u - MathF.Floor(u) - 0.5f) - 0.25f;

    private static float Crossed(float a, float b)
    {
        float near = Math.Min(Math.Abs(a), Math.Abs(b));
        return a * b > 0 ? near : -near;
    }

    private static float Spread(float u, float v)
    {
        float du = u - MathF.Floor(u) - 0.5f, dv = v - MathF.Floor(v) - 0.5f;
        return MathF.Sqrt(du * du + dv * dv);
    }

    private static void PaintGround(Rgb[] canvas, SceneBackground ground, int size, float scale)
    {
        for (int row = 0; row < size; row++)
        {
            for (int column = 0; column < size; column++)
            {
                float share = GroundShare(ground, (column + 0.5f) / scale, (row + 0.5f) / scale, scale);
                canvas[row * size + column] = ground.From.Mix(ground.To, share);
            }
        }
        foreach (SceneBackground.Speck speck in ground.Specks)
        {
            Rgb colour = Rgb.Of(speck.Colour);
            Box box = Box.Around(speck.X, speck.Y, speck.Radius + 1, size, scale);
            for (int row = box.Top; row < box.Bottom; row++)
            {
                for (int column = box.Left; column < box.Right; column++)
                {
                    float dx = (column + 0.5f) / scale - speck.X, dy = (row + 0.5f) / scale - speck.Y;
                    ref Rgb pixel = ref canvas[row * size + column];
                    pixel = pixel.Mix(colour, Covered(speck.Radius - MathF.Sqrt(dx * dx + dy * dy), scale));
                }
            }
        }
    }

    private static float GroundShare(SceneBackground ground, float x, float y, float scale)
    {
        (float cos, float sin) = ground.Turn;
        const float middle = Scene.Width / 2f;
        float u = ((x - middle) * cos + (y - middle) * sin) / ground.Period, v = ((y - middle) * cos - (x - middle) * sin) / ground.Period;
        return ground.Kind switch
        {
            BackgroundKind.Gradient => Math.Clamp(0.5f + u * ground.Period / Scene.Width, 0f, 1f),
            BackgroundKind.Bands => Covered(Wave(u) * ground.Period, scale),
            BackgroundKind.Tiles => Covered(Crossed(Wave(u), Wave(v)) * ground.Period, scale),
            BackgroundKind.Clouds => Cloud(ground, x / ground.Period, y / ground.Period),
            _ => throw new ArgumentOutOfRangeException(nameof(ground)),
        };
    }

    /// <summary>Smooth interpolation between the knots of the lattice around (u, v).</summary>
    private static float Cloud(SceneBackground ground, float u, float v)
    {
        int side = SceneGenerator.LatticeSide, column = (int)u, row = (int)v;
        float s = u - column, t = v - row;
        s = s * s * (3 - 2 * s);
        t = t * t * (3 - 2 * t);
        IReadOnlyList<float> knots = ground.Lattice;
        float upper = knots[row * side + column] * (1 - s) + knots[row * side + column + 1] * s;
        float lower = knots[(row + 1) * side + column] * (1 - s) + knots[(row + 1) * side + column + 1] * s;
        return upper * (1 - t) + lower * t;
    }

    /// <summary>The pixels, cut at the picture's edges, that something of a given reach can touch.</summary>
    private readonly record struct Box(int Left, int Top, int Right, int Bottom)
    {
        public static Box Around(float x, float y, float reach, int size, float scale) => new(
            Math.Max(0, (int)((x - reach) * scale)), Math.Max(0, (int)((y - reach) * scale)),
            Math.Min(size, (int)((x + reach) * scale) + 1), Math.Min(size, (int)((y + reach) * scale) + 1));
    }
}
