using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>A feature that tells clips of a kind from all others.</summary>
/// <param name="Name">The kind in words: "moves left".</param>
/// <param name="Feature">The feature.</param>
/// <param name="Auroc">How often a clip of the kind lets it fire more strongly than another clip: 0.5 is chance, 1 perfect.</param>
/// <param name="Clip">The number of the held-out clip of the kind on which it fires most.</param>
public sealed record MotionConcept(string Name, int Feature, double Auroc, int Clip);

/// <summary>Finds for each thing that can happen the feature that fires on it, by how strongly it fires at best in each clip.</summary>
public static class MotionConcepts
{
    private const int ClipsPerPass = 50;

    private static readonly (string Name, Func<MotionKind, bool> Holds)[] s_concepts =
    [
        ("moves left", kind => kind.Direction() == (-1, 0)),
        ("moves right", kind => kind.Direction() == (1, 0)),
        ("moves up", kind => kind.Direction() == (0, -1)),
        ("moves down", kind => kind.Direction() == (0, 1)),
        ("moves fast", kind => kind.IsFast()),
        ("appears", kind => kind == MotionKind.Appears),
        ("disappears", kind => kind == MotionKind.Disappears),
    ];

    /// <summary>The best feature for every concept, on clips of a split.</summary>
    public static IReadOnlyList<MotionConcept> Find(HookedModel model, ISparseCoder coder, int clips, SceneSplit split = SceneSplit.HeldOut)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        (float[][] highest, MotionKind[] kinds) = Highest(model, coder, clips, split);
        return [.. s_concepts.Select(concept =>
        {
            bool[] holds = [.. kinds.Select(concept.Holds)];
            var (auroc, feature) = highest.Select((values, f) => (Auroc(values, holds), f)).MaxBy(pair => pair.Item1);
            int clip = Enumerable.Range(0, clips).Where(k => holds[k]).MaxBy(k => highest[feature][k]);
            return new MotionConcept(concept.Name, feature, auroc, clip);
        })];
    }

    /// <summary>The probability that a value of the class is larger than one of the others, ties counted half (Mann and Whitney 1947).</summary>
    internal static double Auroc(float[] values, bool[] holds)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(k => values[k])];
        long members = holds.LongCount(held => held), others = holds.Length - members;
        if (members == 0 || others == 0) return 0.5;
        double ranks = 0;
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            while (end < order.Length && values[order[end]] == values[order[start]]) end++;
            double rank = (start + end + 1) / 2.0;
            for (int k = start; k < end; k++)
                if (holds[order[k]]) ranks += rank;
            start = end;
        }
        return (ranks - members * (members + 1) / 2.0) / (members * (double)others);
    }

    // [features][clips]
    private static (float[][] Highest, MotionKind[] Kinds) Highest(HookedModel model, ISparseCoder coder, int clips, SceneSplit split)
    {
        float[][] highest = [.. Enumerable.Range(0, coder.Card.Features).Select(_ => new float[clips])];
        var kinds = new MotionKind[clips];
        for (int first = 0; first < clips; first += ClipsPerPass)
        {
            using var scope = NewDisposeScope();
            MotionBatch batch = MotionBatch.Draw(split, first, Math.Min(ClipsPerPass, clips - first));
            using var reading = FeatureReading.Read(model, DemoVideo.Pixels(batch), coder);
            for (int k = 0; k < batch.Clips.Count; k++)
            {
                kinds[first + k] = batch.Clips[k].Kind;
                foreach (FeatureFiring hit in reading.Top(k, int.MaxValue)) highest[hit.Feature][first + k] = hit.Highest;
            }
        }
        return (highest, kinds);
    }
}
