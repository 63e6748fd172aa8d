using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>A feature and the drawn property that its firing agrees with best.</summary>
/// <param name="Feature">The feature's number.</param>
/// <param name="Concept">The property, such as "red" or "star".</param>
/// <param name="Precision">Of the patches where the feature fires, the share that shows the property.</param>
/// <param name="Recall">Of the patches that show the property, the share where the feature fires.</param>
/// <param name="BaseRate">The share of all patches that shows the property.</param>
public sealed record FeatureConcept(int Feature, string Concept, double Precision, double Recall, double BaseRate)
{
    /// <summary>Harmonic mean of precision and recall.</summary>
    public double Score => Precision + Recall > 0 ? 2 * Precision * Recall / (Precision + Recall) : 0;
}

/// <summary>
/// Matches features with what was really drawn: for every patch it is known which object covers it, so that what a feature stands for is
/// measured, not guessed.
/// </summary>
public static class FeatureConcepts
{
    private const double Fires = 0.2;  // of the feature's own maximum: faint activations say little

    /// <summary>The best feature for every property, best match first.</summary>
    public static IReadOnlyList<FeatureConcept> Match(HookedModel model, ISparseCoder coder, int scenes, CancellationToken stop = default)
    {
        var concepts = SceneConcepts.Names;
        int features = coder.Card.Features, patches = 0;
        var highest = new float[features];
        var codes = new List<(float[] Values, bool[][] Shown)>();
        for (var first = 0; first < scenes; first += 50)
        {
            stop.ThrowIfCancellationRequested();
            var batch = SceneSplit.HeldOut.Scenes(Math.Min(50, scenes - first), first).ToList();
            using var pixels = JudgedScenes.Pixels(batch);
            using var reading = FeatureReading.Read(model, pixels, coder);
            using var dense = reading.Codes.ToDense();
            for (var k = 0; k < batch.Count; k++)
            {
                var values = Patches(dense, (k + 1) * reading.TokensPerPicture);
                for (var i = 0; i < values.Length; i++) highest[i % features] = Math.Max(highest[i % features], values[i]);
                codes.Add((values, Shown(batch[k], concepts.Count)));
                patches += values.Length / features;
            }
        }
        return Best(codes, concepts, highest, patches);
    }

    /// <summary>Whether some object of a scene has the property.</summary>
    public static bool IsIn(Scene scene, string concept) => SceneConcepts.IsIn(scene, concept);

    private static List<FeatureConcept> Best(List<(float[] Values, bool[][] Shown)> codes, IReadOnlyList<string> concepts, float[] highest, int patches)
    {
        var features = highest.Length;
        var both = new int[concepts.Count, features];
        var fires = new int[features];
        var shows = new int[concepts.Count];
        foreach (var (values, shown) in codes)
            for (var patch = 0; patch < shown.Length; patch++)
            {
                for (var concept = 0; concept < concepts.Count; concept++)
                    if (shown[patch][concept]) shows[concept]++;
                for (var feature = 0; feature < features; feature++)
                {
                    if (values[patch * features + feature] <= Fires * highest[feature] || highest[feature] <= 0) continue;
                    fires[feature]++;
                    for (var concept = 0; concept < concepts.Count; concept++)
                        if (shown[patch][concept]) both[concept, feature]++;
                }
            }
        return [.. Enumerable.Range(0, concepts.Count).Select(concept => Enumerable.Range(0, features)
            .Select(feature => new FeatureConcept(feature, concepts[concept],
                both[concept, feature] / Math.Max(1.0, fires[feature]), both[concept, feature] / Math.Max(1.0, shows[concept]), shows[concept] / (double)patches))
            .MaxBy(match => match.Score)!).OrderByDescending(match => match.Score)];
    }

    // The patches are the last tokens of a picture.
    private static float[] Patches(Tensor codes, long end)
    {
        using var scope = NewDisposeScope();
        return codes.narrow(0, end - Grid * Grid, Grid * Grid).contiguous().data<float>().ToArray();
    }

    private static int Grid => new DemoVitOptions().Grid;

    private static bool[][] Shown(Scene scene, int concepts) =>
        [.. SceneConcepts.OnPatches(scene, Grid).Select(shown => Enumerable.Range(0, concepts).Select(concept => shown.Contains(concept)).ToArray())];
}
