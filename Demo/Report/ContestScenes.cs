using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Scenes with what the model says about each, a stated number of them misclassified: a good model errs too rarely for the first scenes to hold any.</summary>
/// <param name="Scenes">In the order they were drawn.</param>
/// <param name="Guesses">The class that the model chose for each.</param>
/// <param name="Drawn">How many scenes of the split were looked through.</param>
public sealed record ContestScenes(IReadOnlyList<Scene> Scenes, IReadOnlyList<int> Guesses, int Drawn)
{
    private const int Batch = 250;
    private const int Furthest = 40_000;  // scenes looked through at most

    /// <summary>How many of the scenes the model gets wrong.</summary>
    public int Wrong => Scenes.Where((scene, k) => Guesses[k] != (int)scene.Label).Count();

    /// <summary>
    /// The first scenes of a split that the model gets right and the first that it gets wrong. Where so many wrong ones are not among the first
    /// 40 000 scenes, those that are; right ones take the place of the rest.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="split">Where from.</param>
    /// <param name="count">Scenes.</param>
    /// <param name="wrong">How many of them the model gets wrong.</param>
    /// <param name="stop">Ends the search.</param>
    public static ContestScenes Draw(HookedModel model, SceneSplit split, int count, int wrong, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (right, mistaken, drawn) = (new List<Found>(), new List<Found>(), 0);
        while (right.Count < count || mistaken.Count < wrong)
        {
            if (right.Count + mistaken.Count >= count && drawn >= Furthest) break;
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = SceneBatch.Draw(split, drawn, Batch);
            var guesses = model.Run(tensor(batch.Pixels, [Batch, 3, Scene.Width, Scene.Width])).argmax(1).data<long>().ToArray();
            for (var k = 0; k < Batch; k++)
            {
                var list = guesses[k] == batch.Labels[k] ? right : mistaken;
                if (list.Count < (list == right ? count : wrong)) list.Add(new Found(drawn + k, batch.Scenes[k], (int)guesses[k]));
            }
            drawn += Batch;
        }
        var all = right.Take(count - mistaken.Count).Concat(mistaken).OrderBy(found => found.Index).ToList();
        return new ContestScenes([.. all.Select(found => found.Scene)], [.. all.Select(found => found.Guess)], drawn);
    }

    private sealed record Found(int Index, Scene Scene, int Guess);
}
