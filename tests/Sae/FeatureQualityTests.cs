using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>What features stand for: scores on data where the answer is known.</summary>
public sealed class FeatureQualityTests
{
    [Fact]
    public void Monosemanticity_of_the_worked_codes()
    {
        using var scope = NewDisposeScope();
        using var score = new Monosemanticity();
        foreach (var (codes, x) in Given.Codes.split(3).Zip(Given.X.split(3))) score.Add(codes, x);
        double[] expected = [-.411800, -.188496, -.071301, -.545631, -.126192, -.305050];
        Assert.All(expected.Zip(score.Scores()), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void Monosemanticity_equals_the_sum_over_pairs_and_knows_its_ends()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var (a, p) = (rand(9, 3, generator: generator), randn(9, 4, generator: generator));
        using var score = new Monosemanticity();
        score.Add(a, p);
        var scaled = ((a - a.amin(0)) / (a.amax(0) - a.amin(0))).to(float64);
        var unit = nn.functional.normalize(p.to(float64));
        var alike = unit.matmul(unit.t()) - eye(9, dtype: float64);
        for (var k = 0; k < 3; k++)
        {
            var weights = scaled.select(1, k).outer(scaled.select(1, k));
            weights -= weights * eye(9, dtype: float64);
            Assert.Equal((weights * alike).sum().item<double>() / weights.sum().item<double>(), score.Scores()[k], 1e-6);
        }
        using var same = new Monosemanticity();
        same.Add(a, ones(9, 4));
        Assert.All(same.Scores(), value => Assert.Equal(1, value, 1e-9));
        using var apart = new Monosemanticity();
        apart.Add(a, eye(9));
        Assert.All(apart.Scores(), value => Assert.Equal(0, value, 1e-9));
        using var silent = new Monosemanticity();
        silent.Add(zeros(9, 2), p);
        Assert.All(silent.Scores(), value => Assert.Equal(0, value));
        Assert.Throws<ShapeException>(() => silent.Add(zeros(8, 2), p));
    }

    [Fact]
    public void A_probe_is_the_minimum_of_its_objective()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var x = randn(60, 4, generator: generator);
        bool[] labels = [.. (x.select(1, 0) + randn(60, generator: generator) * .5).gt(0).data<bool>()];
        var probe = LinearProbe.Fit(x, labels, c: 2);
        // At the minimum every derivative is zero: w = C·Σ y·σ(−m)·x and Σ y·σ(−m) = 0.
        var pull = probe.Scores(x).Zip(labels, (s, label) => (label ? 1 : -1) / (1 + Math.Exp(label ? s : -s))).ToArray();
        Assert.Equal(0, pull.Sum(), 1e-5);
        var sums = x.to(float64).t().matmul(tensor(pull)).data<double>().ToArray();
        for (var k = 0; k < 4; k++) Assert.Equal(2 * sums[k], probe.Weights[k], 1e-5);
        Assert.True(probe.Accuracy(x, labels) > .8);
    }

    [Fact]
    public void One_feature_that_is_the_label_is_found()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        bool[] labels = [.. Enumerable.Range(0, 400).Select(k => k % 2 == 0)];
        var codes = rand(400, 20, generator: generator);
        codes.select(1, 7).copy_(tensor([.. labels.Select(label => label ? 1f : 0)], [400]));
        var score = SparseProbing.Score(codes.narrow(0, 0, 200), labels[..200], codes.narrow(0, 200, 200), labels[200..], k: 1);
        Assert.Equal([7], score.Columns);
        Assert.Equal(1, score.Accuracy);
        // Labels that say nothing of the codes: chance, within four standard deviations.
        bool[] shuffled = [.. rand(400, generator: generator).gt(.5).data<bool>()];
        var chance = SparseProbing.Score(codes.narrow(0, 0, 200), shuffled[..200], codes.narrow(0, 200, 200), shuffled[200..], k: 5).Accuracy;
        Assert.InRange(chance, .5 - 4 * .0354, .5 + 4 * .0354);
        Assert.Throws<OptionsException>(() => SparseProbing.Score(codes, labels, codes, labels, k: 21));
        Assert.Throws<OptionsException>(() => SparseProbing.Score(codes, new bool[400], codes, labels, k: 1));
    }

    [Fact]
    public void Balanced_rows_are_half_positive_and_spread_over_the_other_classes()
    {
        int[] classes = [.. Enumerable.Range(0, 90).Select(k => k < 30 ? 0 : k < 40 ? 1 : 2)];
        var (rows, labels) = SparseProbing.Balanced(classes, 0, seed: 3);
        Assert.Equal((60, 30), (rows.Length, labels.Count(label => label)));
        Assert.Equal(10, rows.Count(row => classes[row] == 1));
        Assert.Equal(rows, SparseProbing.Balanced(classes, 0, seed: 3).Rows);
        Assert.NotEqual(rows, SparseProbing.Balanced(classes, 0, seed: 4).Rows);
    }

    [Theory]
    [InlineData(true, .5)]
    [InlineData(false, 0)]
    public void Absorption_is_the_share_that_a_specific_feature_swallows(bool absorbs, double expected)
    {
        using var scope = NewDisposeScope();
        // x = u (even rows) or u + v (odd rows). Feature 0 writes u; feature 1 writes (u + v)/√2 and may swallow feature 0 on odd rows.
        const int Count = 40;
        var x = zeros(Count, 4);
        var codes = zeros(Count, 2);
        for (var row = 0; row < Count; row++)
        {
            x[row][0].fill_(1);
            if (row % 2 == 1) x[row][1].fill_(1);
            codes[row][0].fill_(absorbs && row % 2 == 1 ? 0 : 1);
            if (row % 2 == 1) codes[row][1].fill_(absorbs ? MathF.Sqrt(2) : 0);
        }
        var directions = tensor([1, 0, 0, 0, MathF.Sqrt(.5f), MathF.Sqrt(.5f), 0, 0], [2, 4]);
        var probe = new LinearProbe([1, 0, 0, 0], -.5);
        var score = Absorption.Measure(x, codes, directions, probe, [0]);
        Assert.Equal(Count, score.Examples);
        Assert.Equal(expected, score.Full, 1e-9);
        Assert.Equal(expected, score.Fraction, 1e-9);
        Assert.Equal(absorbs ? Count / 2 : 0, score.Rows.Count);
        // Directions of another length with codes in return change nothing.
        Assert.Equal(expected, Absorption.Measure(x, codes / 3, directions * 3, probe, [0]).Fraction, 1e-6);
        // The probe misses everything: nothing can be said.
        Assert.True(double.IsNaN(Absorption.Measure(x, codes, directions, probe with { Bias = -5 }, [0]).Fraction));
        Assert.Throws<OptionsException>(() => Absorption.Measure(x, codes, directions, probe, [2]));
    }

    [Fact]
    public void A_concept_in_two_features_is_split_in_two()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        bool[] labels = [.. Enumerable.Range(0, 200).Select(k => k % 2 == 0)];
        var codes = rand(200, 8, generator: generator) * .1;
        for (var row = 0; row < 200; row += 2) codes[row][row % 4 == 0 ? 2 : 5].fill_(1);
        Assert.Equal([2, 5], SplitFeatures.Find(codes, labels).Order());
    }

    [Fact]
    public void Features_of_one_class_hurt_that_class_alone()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        // Four classes, one orthogonal direction and one feature each.
        int[] classes = [.. Enumerable.Range(0, 400).Select(k => k / 2 % 4)];
        var codes = zeros(400, 6);
        for (var row = 0; row < 400; row++) codes[row][classes[row]].fill_(3);
        var x = codes.matmul(eye(6)) + randn(400, 6, generator: generator) * .2;
        int[] train = [.. Enumerable.Range(0, 400).Where(k => k % 2 == 0)], test = [.. Enumerable.Range(0, 400).Where(k => k % 2 == 1)];
        using var all = new PooledData(x, codes);
        using var fitted = all.Rows(train);
        using var scored = all.Rows(test);
        var scores = TargetedPerturbation.Score(fitted, [.. train.Select(row => classes[row])], scored, [.. test.Select(row => classes[row])], eye(6), [0, 1, 2]);
        Assert.Equal(0, scores[0]);
        // Without its feature no example of the class is found: half of the balanced rows are wrong.
        Assert.InRange(scores[1], .45, .5);
        Assert.Throws<OptionsException>(() => TargetedPerturbation.Score(fitted, new int[200], scored, new int[200], eye(6), [1]));
    }

    [Fact]
    public void Removing_the_spurious_feature_gives_back_what_the_bias_costs()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var biased = Pairs(200, generator, goTogether: true);
        var balanced = Pairs(200, generator, goTogether: false);
        var test = Pairs(400, generator, goTogether: false);
        using (biased.Data)
        using (balanced.Data)
        using (test.Data)
        {
            var score = SpuriousRemoval.Score(biased.Data, biased.Labels, balanced.Data, balanced.Labels, balanced.Attributes, test.Data, test.Labels, eye(4), [0, 2]);
            Assert.True(score.Biased < .8 && score.Clean > .95, $"biased {score.Biased}, clean {score.Clean}");
            Assert.Equal(0, score.Scores[0]);
            Assert.InRange(score.Scores[2], .7, 1.1);
        }
    }

    [Fact]
    public void Activations_pass_thresholds_that_they_exceed()
    {
        Assert.Equal(9, TruthCounts.LevelOf(10, 10));
        Assert.Equal(4, TruthCounts.LevelOf(5, 10));
        Assert.Equal(5, TruthCounts.LevelOf(5.01f, 10));
        Assert.Equal(0, TruthCounts.LevelOf(.5f, 10));
        Assert.Equal(-1, TruthCounts.LevelOf(0, 10));
        Assert.Equal(-1, TruthCounts.LevelOf(1, 0));
        Assert.Equal(9, TruthCounts.LevelOf(11, 10));
    }

    [Fact]
    public void Planted_features_cover_and_rebuild_everything()
    {
        var truth = new Truth(columns: 6, rows: 240);
        var report = truth.Report(truth.Planted());
        Assert.Equal(1, report.Coverage, 1e-9);
        Assert.Equal(1, report.CoverageAtOneThreshold, 1e-9);
        Assert.Equal([0, 1, 2, 3, 4, 5], report.Matches.Select(match => match.Feature));
        Assert.Equal(6, report.PreciseFeatures);
        Assert.All(truth.Rebuilt(report, truth.Planted()), f1 => Assert.Equal(1, f1, 1e-9));
    }

    [Fact]
    public void Shuffled_features_give_chance()
    {
        var truth = new Truth(columns: 6, rows: 2400);
        var report = truth.Report(truth.Shuffled());
        // A feature that fires as often as a fact of base rate p, but elsewhere, has F1 = p: below what saying yes always gives.
        Assert.InRange(report.Coverage, .22, .33);
        Assert.True(report.Coverage < report.Chance);
        Assert.Equal(0, report.PreciseFeatures);
        Assert.All(truth.Rebuilt(report, truth.Shuffled()), f1 => Assert.Equal(0, f1));
        // A property of base rate p is found with F1 = 2p/(1 + p) by saying yes always.
        Assert.All(report.Matches, match => Assert.Equal(2 * match.BaseRate / (1 + match.BaseRate), match.Chance, 1e-12));
    }

    [Fact]
    public void Directions_match_what_they_are()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var known = randn(30, 16, generator: generator);
        Assert.Equal(1, DirectionMatch.MeanMaxCosine(known, cat([randn(5, 16, generator: generator), known.flip(0) * 3])), 1e-9);
        Assert.Equal(1, DirectionMatch.Recovered(known, known));
        Assert.True(DirectionMatch.MeanMaxCosine(known, randn(30, 16, generator: generator)) < .7);
        Assert.Equal(-1, DirectionMatch.MeanMaxCosine(eye(1, 3), eye(1, 3).neg()), 1e-12);
        using var a = Toy.Random(6, 20);
        using var b = Toy.Random(6, 12, seed: 2);
        Assert.Equal(1, DirectionMatch.BetweenCoders(a, a), 1e-6);
        Assert.Equal(DirectionMatch.BetweenCoders(a, b), DirectionMatch.BetweenCoders(b, a), 1e-12);
        Assert.Throws<ShapeException>(() => DirectionMatch.MaxCosines(known, eye(4)));
    }

    private static (PooledData Data, bool[] Labels, bool[] Attributes) Pairs(int count, Generator generator, bool goTogether)
    {
        using var scope = NewDisposeScope();
        bool[] labels = [.. Enumerable.Range(0, count).Select(k => k % 2 == 0)];
        bool[] attributes = [.. Enumerable.Range(0, count).Select(k => goTogether ? k % 2 == 0 : k % 4 < 2)];
        // The attribute is written more strongly than the label, so a biased probe leans on it.
        var codes = zeros(count, 4);
        for (var row = 0; row < count; row++)
        {
            codes[row][labels[row] ? 0 : 2].fill_(1.5f);
            codes[row][attributes[row] ? 1 : 3].fill_(4);
        }
        return (new PooledData(codes + randn(count, 4, generator: generator) * .3, codes), labels, attributes);
    }

    /// <summary>Random facts, and codes that are the facts or have nothing to do with them. Every ten rows are a picture.</summary>
    private sealed class Truth
    {
        private const int PerPicture = 10;
        private readonly int _columns;
        private readonly int[][] _shown;
        private readonly float[,] _codes;

        internal Truth(int columns, int rows)
        {
            using var generator = new Generator(8);
            using var draw = rand(rows, columns, generator: generator);
            var values = draw.data<float>().ToArray();
            _columns = columns;
            _codes = new float[rows, columns];
            _shown = new int[rows][];
            for (var row = 0; row < rows; row++)
            {
                _shown[row] = [.. Enumerable.Range(0, columns).Where(column => values[row * columns + column] < .25)];
                foreach (var column in _shown[row]) _codes[row, column] = 1 + values[row * columns + column];
            }
        }

        internal CodeEntries Planted() => Entries(row => row);

        // Codes of other rows, far away.
        internal CodeEntries Shuffled() => Entries(row => (row * 7 + 13) % _shown.Length);

        internal TruthReport Report(CodeEntries codes)
        {
            var counts = new TruthCounts(Highest(codes), [.. Enumerable.Range(0, _columns).Select(column => $"fact {column}")]);
            counts.Add(codes, _shown);
            return TruthReport.Of(counts);
        }

        internal IEnumerable<double> Rebuilt(TruthReport report, CodeEntries codes) =>
            Enumerable.Range(0, _shown.Length / PerPicture).Where(k => _shown[(k * PerPicture)..((k + 1) * PerPicture)].Any(shown => shown.Length > 0))
                .Select(k => report.Rebuild(codes, Highest(codes), k * PerPicture, _shown[(k * PerPicture)..((k + 1) * PerPicture)]));

        private float[] Highest(CodeEntries codes)
        {
            var usage = new FeatureUsage(_columns);
            usage.Add(codes);
            return usage.Highest;
        }

        private CodeEntries Entries(Func<int, int> from)
        {
            var values = new float[_shown.Length * _columns];
            for (var row = 0; row < _shown.Length; row++)
                for (var column = 0; column < _columns; column++) values[row * _columns + column] = _codes[from(row), column];
            using var codes = new DenseCodes(tensor(values, [_shown.Length, _columns]));
            return CodeEntries.Of(codes);
        }
    }
}
