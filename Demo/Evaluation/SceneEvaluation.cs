using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// Evaluates a coder on held-out scenes, where it is known what was drawn. Every second scene is for counting and fitting, the others for
/// scoring.
/// </summary>
public static class SceneEvaluation
{
    /// <summary>Scenes per pass.</summary>
    public const int Batch = 50;

    /// <summary>Fewest scenes on which anything can be said.</summary>
    public const int Fewest = 20;

    private static readonly int[] s_probes = [1, 2, 5], s_removed = [2, 5, 10, 20, 50];
    private const double GoodProbe = 0.6;

    /// <summary>A batch of held-out scenes with the loss of naming the marked object's shape; pictures that show the same properties are alike.</summary>
    /// <param name="model">The demo's vision transformer, or another that names these shapes in this order.</param>
    /// <param name="scenes">All scenes.</param>
    /// <param name="index">Which batch.</param>
    public static EvaluationBatch BatchOf(HookedModel model, int scenes, int index)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        var drawn = Drawn(scenes, index);
        var pixels = JudgedScenes.Pixels(drawn);
        var labels = tensor([.. drawn.Select(scene => (long)scene.Label)], [drawn.Count]);
        var names = Enum.GetNames<ShapeKind>();
        var namesShapes = model.Card.Labels.Count == names.Length && model.Card.Labels.Zip(names).All(pair => string.Equals(pair.First, pair.Second, StringComparison.OrdinalIgnoreCase));
        return new EvaluationBatch
        {
            Input = pixels,
            Losses = namesShapes ? new Dictionary<string, ExampleLoss> { ["cross_entropy"] = SplicedLosses.Classification(labels) } : [],
            Embed = _ => Properties(drawn),
        }.Owning(pixels, labels);
    }

    /// <summary>How many batches so many scenes make.</summary>
    public static int Batches(int scenes) => (scenes + Batch - 1) / Batch;

    /// <summary>Holds features against what was drawn.</summary>
    /// <param name="model">Takes pixels of 64 × 64.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="highest">Each feature's largest activation on these scenes, from a round before.</param>
    /// <param name="scenes">How many held-out scenes.</param>
    /// <param name="options">Places and name checks.</param>
    /// <param name="seed">Which objects stand for "without the property".</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or there are too few scenes.</exception>
    public static SceneScores Run(HookedModel model, ISparseCoder coder, IReadOnlyList<float> highest, int scenes, SpliceOptions? options = null, ulong seed = 0, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        if (scenes < Fewest) throw new OptionsException($"{scenes} scenes are too few to hold features against what is drawn: take at least {Fewest}.");
        using var train = new SceneObjects();
        using var test = new SceneObjects();
        var counts = new TruthCounts(highest, SceneConcepts.Names);
        for (var k = 0; k < Batches(scenes); k++)
        {
            stop.ThrowIfCancellationRequested();
            var drawn = Drawn(scenes, k);
            Read(model, coder, [.. drawn.Where((_, n) => n % 2 == 0)], options, (half, patches, codes, grid) =>
            {
                counts.Add(CodeEntries.Of(codes), [.. half.SelectMany(scene => SceneConcepts.OnPatches(scene, grid))]);
                train.Add(half, patches, codes, grid);
            });
        }
        var truth = TruthReport.Of(counts);
        var rebuilt = new List<double>();
        for (var k = 0; k < Batches(scenes); k++)
        {
            stop.ThrowIfCancellationRequested();
            var drawn = Drawn(scenes, k);
            Read(model, coder, [.. drawn.Where((_, n) => n % 2 == 1)], options, (half, patches, codes, grid) =>
            {
                var entries = CodeEntries.Of(codes);
                rebuilt.AddRange(half.Select((scene, n) => truth.Rebuild(entries, highest, n * grid * grid, SceneConcepts.OnPatches(scene, grid))));
                test.Add(half, patches, codes, grid);
            });
        }
        return new SceneScores
        {
            Scenes = scenes,
            Objects = train.Objects.Count + test.Objects.Count,
            Truth = truth,
            Reconstruction = rebuilt.Count == 0 ? double.NaN : rebuilt.Average(),
            Probes = Probes(train, test, coder, seed),
            Targeted = new Dictionary<string, IReadOnlyDictionary<int, double>>
            {
                ["shape"] = TargetedPerturbation.Score(train.Data, train.Shapes, test.Data, test.Shapes, coder.Directions, s_removed, seed),
                ["colour"] = TargetedPerturbation.Score(train.Data, train.Colours, test.Data, test.Colours, coder.Directions, s_removed, seed),
                ["texture"] = TargetedPerturbation.Score(train.Data, train.Textures, test.Data, test.Textures, coder.Directions, s_removed, seed),
            },
            Spurious = SceneBias.Score(train, test, coder.Directions, s_removed),
        };
    }

    private static List<Scene> Drawn(int scenes, int batch) => [.. SceneSplit.HeldOut.Scenes(Math.Min(Batch, scenes - batch * Batch), batch * Batch)];

    // Pictures have length 1 in the space of what they show, the ground (which all share) left out.
    private static Tensor Properties(List<Scene> scenes)
    {
        using var scope = NewDisposeScope();
        string[] names = [.. SceneConcepts.Names.Where(name => name is not ("ground" or "white outline"))];
        float[] values = [.. scenes.SelectMany(scene => names.Select(name => SceneConcepts.IsIn(scene, name) ? 1f : 0))];
        return nn.functional.normalize(tensor(values, [scenes.Count, names.Length])).MoveToOuterDisposeScope();
    }

    private static void Read(HookedModel model, ISparseCoder coder, List<Scene> scenes, SpliceOptions? options, Action<IReadOnlyList<Scene>, Tensor, Codes, int> use)
    {
        if (scenes.Count == 0) return;
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        ModelInput input = JudgedScenes.Pixels(scenes);
        var placement = CoderPlacement.Of(coder, model, input, options);
        using var recording = model.Run(input, HookPlan.Empty.Keep(placement.Reads).StopAfter(placement.Reads));
        var read = placement.Own(recording.Cache[placement.Reads]);
        var layout = model.LayoutOf(input);
        var first = (int)(placement.Tokens?.Start ?? 0);
        if (layout is null || layout.Rows != layout.Columns || layout.Frames != 1 || read.ndim < 3 || first + read.shape[1] != layout.Tokens || first > layout.Prefix)
            throw new OptionsException($"{coder.Card.Name} reads no square grid of patches at {placement.Reads}, so it cannot be held against what the patches show.");
        var patches = read.narrow(1, layout.Prefix - first, layout.GridTokens);
        using var codes = coder.Encode(patches);
        use(scenes, patches, codes, layout.Rows);
    }

    private static List<SceneProbe> Probes(SceneObjects train, SceneObjects test, ISparseCoder coder, ulong seed)
    {
        var probes = new List<SceneProbe>();
        foreach (var property in SceneConcepts.Names.Where(name => name != "ground"))
        {
            int[] Classes(SceneObjects objects) => [.. objects.Objects.Select(item => SceneConcepts.Of(item).Contains(property) ? 1 : 0)];
            var (trainRows, trainLabels) = SparseProbing.Balanced(Classes(train), 1, seed);
            var (testRows, testLabels) = SparseProbing.Balanced(Classes(test), 1, seed + 1);
            if (trainRows.Length == 0 || testRows.Length == 0) continue;
            using var fitted = train.Data.Rows(trainRows);
            using var scored = test.Data.Rows(testRows);
            var full = LinearProbe.Fit(fitted.Activations, trainLabels);
            var sparse = s_probes.ToDictionary(k => k, k => SparseProbing.Score(fitted.Codes, trainLabels, scored.Codes, testLabels, k));
            probes.Add(new SceneProbe(property, full.Accuracy(scored.Activations, testLabels), sparse.ToDictionary(pair => pair.Key, pair => pair.Value.Accuracy),
                sparse[s_probes[^1]].Columns, Absorbed(fitted, trainLabels, scored, testLabels, full, coder)));
        }
        return probes;
    }

    private static AbsorptionScore? Absorbed(PooledData train, bool[] trainLabels, PooledData test, bool[] testLabels, LinearProbe probe, ISparseCoder coder)
    {
        if (probe.F1(test.Activations, testLabels) <= GoodProbe) return null;
        using var own = test.Rows([.. Enumerable.Range(0, testLabels.Length).Where(row => testLabels[row])]);
        return Absorption.Measure(own.Activations, own.Codes, coder.Directions, probe, SplitFeatures.Find(train.Codes, trainLabels));
    }
}
