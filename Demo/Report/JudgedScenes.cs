using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Scenes with at least two classes in them, for judging heatmaps: a map has to choose between objects.</summary>
public static class JudgedScenes
{
    /// <summary>The first scenes of a split that show objects of at least two shapes, misclassified ones included.</summary>
    public static IReadOnlyList<Scene> Draw(SceneSplit split, int count) =>
        [.. split.Scenes(int.MaxValue).Where(scene => scene.Objects.Select(item => item.Shape).Distinct().Count() > 1).Take(count)];

    /// <summary>The scenes as the harness takes them; the marked object is the target. Tensors belong to the caller's scope.</summary>
    public static IReadOnlyList<JudgedPicture> ForJudging(IEnumerable<Scene> scenes) =>
        [.. scenes.Select(scene => JudgedPicture.FromOwners(Pixels([scene])[0], null, ScenePainter.Owners(scene.Objects), (byte)(scene.MarkedIndex + 1)))];

    /// <summary>The model's input [N, 3, 64, 64]. The caller (or its scope) disposes it.</summary>
    public static Tensor Pixels(IReadOnlyList<Scene> scenes)
    {
        const int Values = 3 * Scene.Width * Scene.Width;
        var values = new float[scenes.Count * Values];
        for (var k = 0; k < scenes.Count; k++) SceneBatch.Normalise(ScenePainter.Paint(scenes[k]), values.AsSpan(k * Values, Values));
        return tensor(values, [scenes.Count, 3, Scene.Width, Scene.Width]);
    }

    /// <summary>The class that the model names on each scene.</summary>
    public static int[] Guesses(HookedModel model, IEnumerable<Scene> scenes)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. scenes.Chunk(100).SelectMany(chunk =>
        {
            using var scope = NewDisposeScope();
            return model.Run(Pixels(chunk)).argmax(1).data<long>().ToArray();
        }).Select(guess => (int)guess)];
    }

    /// <summary>The scene painted finely, for people, and how the model's 64 pixels lie on it.</summary>
    public static (RgbImage Picture, ImageGeometry Geometry) ForPeople(Scene scene, int side = 256) =>
        (new RgbImage(side, side, ScenePainter.Paint(scene, side)),
            new ImageGeometry(side, side, Scene.Width, Scene.Width, 0, 0, Scene.Width, Scene.Width));
}
