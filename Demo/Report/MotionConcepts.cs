using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>A feature that tells clips of a kind from all others and shows where it happens.</summary>
/// <param name="Name">The kind in words: "moves left".</param>
/// <param name="Feature">The feature.</param>
/// <param name="Auroc">How often a clip of the kind lets it fire more strongly than another clip: 0.5 is chance, 1 perfect.</param>
/// <param name="Inside">The share of its activation on clips of the kind that lies on tokens showing the object.</param>
/// <param name="Area">The share of these clips' tokens that show the object: what <paramref name="Inside"/> is without knowing where.</param>
/// <param name="Clip">The number of the clip of the kind that shows it best: fires strongly and on the object.</param>
public sealed record MotionConcept(string Name, int Feature, double Auroc, double Inside, double Area, int Clip);

/// <summary>
/// Finds for each thing that can happen the feature that tells it and shows where: by how strongly it fires at best in each clip, times the
/// share of its activation that lies on the object. Chosen on clips of one split, measured on another.
/// </summary>
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

    /// <summary>The best feature for every concept, chosen on training clips, with its figures on as many held-out clips.</summary>
    public static IReadOnlyList<MotionConcept> Find(HookedModel model, ISparseCoder coder, int clips)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        Firing known = Read(model, coder, clips, SceneSplit.Training), heldOut = Read(model, coder, clips, SceneSplit.HeldOut);
        return [.. s_concepts.Select(concept =>
        {
            int feature = Enumerable.Range(0, coder.Card.Features).MaxBy(f => Score(known, f, known.Holding(concept.Holds)));
            bool[] holds = heldOut.Holding(concept.Holds);
            int clip = Enumerable.Range(0, clips).Where(k => holds[k]).MaxBy(k => heldOut.Highest[feature][k] * heldOut.InsideOf(feature, k));
            return new MotionConcept(concept.Name, feature, Auroc(heldOut.Highest[feature], holds), heldOut.Inside(feature, holds), heldOut.AreaOf(holds), clip);
        })];
    }

    private static double Score(Firing firing, int feature, bool[] holds) =>
        Math.Max(0, 2 * Auroc(firing.Highest[feature], holds) - 1) * firing.Inside(feature, holds);

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

    private static Firing Read(HookedModel model, ISparseCoder coder, int clips, SceneSplit split)
    {
        var firing = new Firing(coder.Card.Features, clips);
        for (int first = 0; first < clips; first += ClipsPerPass)
        {
            using var scope = NewDisposeScope();
            MotionBatch batch = MotionBatch.Draw(split, first, Math.Min(ClipsPerPass, clips - first));
            using var reading = FeatureReading.Read(model, DemoVideo.Pixels(batch), coder);
            for (int k = 0; k < batch.Clips.Count; k++) firing.Add(first + k, batch.Clips[k], reading, k);
        }
        return firing;
    }

    // How strongly each feature fires in each clip, in all and on the object: [features][clips].
    private sealed class Firing(int features, int clips)
    {
        private readonly float[][] _total = Table(features, clips), _inside = Table(features, clips);
        private readonly double[] _area = new double[clips];
        private readonly MotionKind[] _kinds = new MotionKind[clips];

        internal float[][] Highest { get; } = Table(features, clips);

        internal bool[] Holding(Func<MotionKind, bool> holds) => [.. _kinds.Select(holds)];

        internal double InsideOf(int feature, int clip) => _total[feature][clip] > 0 ? _inside[feature][clip] / _total[feature][clip] : 0;

        internal double Inside(int feature, bool[] holds)
        {
            double total = Sum(_total[feature], holds);
            return total > 0 ? Sum(_inside[feature], holds) / total : 0;
        }

        internal double AreaOf(bool[] holds) => _area.Where((_, k) => holds[k]).Average();

        internal void Add(int clip, MotionClip drawn, FeatureReading reading, int picture)
        {
            var layout = reading.Layout ?? throw new NotApplicableException("The model's tokens have no place on a clip.");
            bool[] shown = MotionTruth.Tokens(drawn, layout);
            _kinds[clip] = drawn.Kind;
            _area[clip] = shown.Count(there => there) / (double)shown.Length;
            for (int token = 0; token < reading.TokensPerPicture; token++)
            {
                int place = reading.FirstToken + token - layout.Prefix;
                if (place < 0) continue;
                var (start, end) = reading.Entries.Row(picture * reading.TokensPerPicture + token);
                for (long entry = start; entry < end; entry++)
                {
                    var (feature, value) = (reading.Entries.Feature(entry), reading.Entries.Value(entry));
                    if (value <= 0) continue;
                    Highest[feature][clip] = Math.Max(Highest[feature][clip], value);
                    _total[feature][clip] += value;
                    if (shown[place]) _inside[feature][clip] += value;
                }
            }
        }

        private static double Sum(float[] values, bool[] holds) => values.Where((_, k) => holds[k]).Sum(value => (double)value);

        private static float[][] Table(int rows, int columns) => [.. Enumerable.Range(0, rows).Select(_ => new float[columns])];
    }
}
