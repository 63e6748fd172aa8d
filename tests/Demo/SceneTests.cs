using System.Security.Cryptography;
using Prisma.Demo;

namespace Prisma.Tests;

public sealed class SceneTests
{
    private static readonly List<Scene> _scenes = [.. SceneSplit.Scoring.Scenes(300)];

    [Fact]
    public void A_seed_draws_the_same_bytes_on_every_machine()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Scene scene in _scenes.Take(50)) hash.AppendData(ScenePainter.Paint(scene));
        Assert.StartsWith("9a3c670f514849506dd9e37ccdcb7d42", Convert.ToHexStringLower(hash.GetHashAndReset()), StringComparison.Ordinal);
    }

    [Fact]
    public void Splits_share_no_scene()
    {
        var seeds = Enum.GetValues<SceneSplit>().SelectMany(split => new[] { split.Seed(0), split.Seed((1L << 40) - 1) }).ToList();
        Assert.Equal(seeds.Order(), seeds);
        Assert.Equal(seeds.Distinct().Count(), seeds.Count);
    }

    [Fact]
    public void Every_scene_has_one_marked_object_that_stays_mostly_visible_and_at_least_two_shapes()
    {
        foreach (Scene scene in _scenes)
        {
            Assert.InRange(scene.Objects.Count, 2, 4);
            Assert.Single(scene.Objects, item => item.Marked);
            Assert.True(scene.Objects.Select(item => item.Shape).Distinct().Count() >= 2, scene.Caption);
            byte[] owners = ScenePainter.Owners(scene.Objects);
            for (int i = 0; i < scene.Objects.Count; i++)
            {
                int whole = ScenePainter.Owners([scene.Objects[i]]).Count(owner => owner == 1);
                float least = i == scene.MarkedIndex ? SceneGenerator.MarkedVisible : SceneGenerator.OthersVisible;
                Assert.True(owners.Count(owner => owner == i + 1) >= least * whole, $"object {i} of {scene.Caption}");
            }
        }
        Assert.Contains(_scenes, IsPartlyHidden);
    }

    private static bool IsPartlyHidden(Scene scene)
    {
        byte[] owners = ScenePainter.Owners(scene.Objects);
        int whole = ScenePainter.Owners([scene.Marked]).Count(owner => owner == 1);
        return owners.Count(owner => owner == scene.MarkedIndex + 1) < whole;
    }

    [Fact]
    public void White_is_where_the_marked_object_is()
    {
        const int size = 256;
        foreach (Scene scene in _scenes.Take(40))
        {
            byte[] picture = ScenePainter.Paint(scene, size), owners = ScenePainter.Owners(scene.Objects, size);
            int onMarked = 0, elsewhere = 0;
            for (int i = 0; i < owners.Length; i++)
            {
                if (picture.AsSpan(3 * i, 3).ContainsAnyInRange((byte)0, (byte)248)) continue;
                if (owners[i] == scene.MarkedIndex + 1) onMarked++;
                else elsewhere++;
            }
            Assert.True(onMarked > 300, $"{onMarked} white pixels on the marked object of {scene.Caption}");
            Assert.True(elsewhere < 0.02 * onMarked, $"{elsewhere} white pixels elsewhere in {scene.Caption}");
        }
    }

    [Fact]
    public void All_attributes_are_equally_frequent_on_the_marked_object()
    {
        var marked = SceneSplit.Scoring.Scenes(3000).Select(scene => scene.Marked).ToList();
        AssertEven(marked.Select(item => item.Shape));
        AssertEven(marked.Select(item => item.Colour));
        AssertEven(marked.Select(item => item.Texture));
    }

    /// <summary>Each value's count lies within five standard deviations of its share.</summary>
    private static void AssertEven<T>(IEnumerable<T> values) where T : struct, Enum
    {
        var all = values.ToList();
        double share = 1.0 / Enum.GetValues<T>().Length, slack = 5 * Math.Sqrt(all.Count * share * (1 - share));
        foreach (T value in Enum.GetValues<T>()) Assert.InRange(all.Count(item => item.Equals(value)), all.Count * share - slack, all.Count * share + slack);
    }

    [Fact]
    public void A_scene_looks_the_same_at_any_size()
    {
        foreach (Scene scene in _scenes.Take(20))
        {
            byte[] small = ScenePainter.Paint(scene), large = ScenePainter.Paint(scene, 4 * Scene.Width);
            double sum = 0;
            for (int i = 0; i < small.Length; i++)
            {
                int row = i / 3 / Scene.Width, column = i / 3 % Scene.Width, mean = 0;
                for (int k = 0; k < 16; k++) mean += large[((4 * row + k / 4) * 4 * Scene.Width + 4 * column + k % 4) * 3 + i % 3];
                sum += Math.Abs(small[i] - mean / 16.0);
            }
            Assert.True(sum / small.Length < 2.5, $"mean difference {sum / small.Length:F2} levels: {scene.Caption}");
        }
    }

    [Fact]
    public void Captions_name_what_is_there_and_where()
    {
        SceneObject first = _scenes[0].Marked with { Shape = ShapeKind.Circle, Colour = ColourKind.Red, Texture = TextureKind.Striped, X = 20, Y = 15 };
        SceneObject second = first with { Shape = ShapeKind.Star, Colour = ColourKind.Blue, Texture = TextureKind.Plain, Outline = OutlineKind.None, Y = 50 };
        SceneObject third = second with { Shape = ShapeKind.Heart, Colour = ColourKind.Orange, X = 60, Y = 20 };
        Assert.Equal("a red striped circle with a white outline above a blue star", (_scenes[0] with { Objects = [second, first] }).Caption);
        Assert.Equal("a red striped circle with a white outline above a blue star and left of an orange heart",
            (_scenes[0] with { Objects = [second, first, third] }).Caption);
    }

    [Theory]
    [InlineData(ShapeKind.Circle, 360)]
    [InlineData(ShapeKind.Square, 4)]
    [InlineData(ShapeKind.Triangle, 3)]
    [InlineData(ShapeKind.Star, 5)]
    [InlineData(ShapeKind.Cross, 4)]
    [InlineData(ShapeKind.Heart, 1)]
    public void Shapes_have_their_symmetry_and_nearly_the_same_area(ShapeKind shape, int fold)
    {
        (float sin, float cos) = MathF.SinCos(2 * MathF.PI / fold);
        int inside = 0;
        for (int i = 0; i < 200 * 200; i++)
        {
            float x = (i % 200 + 0.5f) / 70 - 200f / 140, y = (i / 200 + 0.5f) / 70 - 200f / 140;
            float here = ShapeGeometry.Distance(shape, x, y), turned = ShapeGeometry.Distance(shape, x * cos - y * sin, x * sin + y * cos);
            Assert.Equal(here, turned, 1e-4f);
            if (here < 0) inside++;
            if (x * x + y * y > ShapeGeometry.Reach * ShapeGeometry.Reach) Assert.True(here > 0, $"{shape} reaches ({x}, {y})");
        }
        Assert.InRange(inside / 4900.0, 1.9, 2.8);
    }

    [Fact]
    public void A_patch_shows_the_object_with_most_pixels_if_they_are_a_quarter()
    {
        byte[] owners = [
            1, 1, 0, 0,
            2, 0, 2, 0,
            0, 0, 1, 2,
            0, 0, 2, 2];
        Assert.Equal([0, 1, -1, 1], PatchTruth.Objects(owners, 4, 2));
    }

    [Fact]
    public void A_batch_holds_normalised_planes_and_labels()
    {
        SceneBatch batch = SceneBatch.Draw(SceneSplit.Training, 5, 3);
        Scene second = SceneGenerator.Draw(SceneSplit.Training.Seed(6));
        byte[] picture = ScenePainter.Paint(second);
        Assert.Equal(second.Caption, batch.Scenes[1].Caption);
        Assert.Equal((long)second.Label, batch.Labels[1]);
        int area = Scene.Width * Scene.Width;
        Assert.Equal((picture[3 * 777 + 2] / 255f - 0.5f) / 0.5f, batch.Pixels[(3 + 2) * area + 777], 1e-6f);
        Assert.Equal(ScenePainter.Owners(second.Objects), batch.Owners[area..(2 * area)]);
    }
}
