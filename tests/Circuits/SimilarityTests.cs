using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class SimilarityTests
{
    [Fact]
    public void Alignment_is_the_worked_example()
    {
        using var scope = NewDisposeScope();
        var x = Tiny.G(8, 4, 0);
        x.select(1, 0).add_(0.5);
        var z = (Tiny.G(8, 6, 2) - 0.2).relu();
        Assert.Equal(0.260133, Cka.Linear(x, z), 1e-5);
        Assert.Equal(-0.082282, Cka.Hsic(x.matmul(x.t()), z.matmul(z.t())), 1e-5);
        Assert.Equal(0.012399, Cka.NearestNeighbours(x, z, 3), 1e-5);
    }

    [Fact]
    public void Alignment_is_one_for_turned_and_scaled_copies_and_small_for_strangers()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var x = randn(200, 6, generator: generator);
        var (turn, _, _) = linalg.svd(randn(6, 6, generator: generator));
        var strange = randn(200, 6, generator: generator);
        Assert.Equal(1, Cka.Linear(x, x.matmul(turn) * 3), 1e-5);
        Assert.Equal(1, Cka.Debiased(x, x.matmul(turn) * 3), 1e-5);
        Assert.Equal(1, Cka.NearestNeighbours(x, x.matmul(turn) * 3), 1e-4);
        Assert.True(Cka.Linear(x, strange) < 0.1);
        Assert.InRange(Cka.Debiased(x, strange), -0.05, 0.05);
        Assert.Equal(1, Svcca.Of(x, x.matmul(randn(6, 6, generator: generator)), variance: 1).Score, 1e-5);
        Assert.True(Svcca.Of(x, strange).Score < 0.4);
        // Wide matrices take the way over inputs and give the same.
        Assert.Equal(Cka.Linear(x.narrow(0, 0, 5), strange.narrow(0, 0, 5)), Cka.Linear(cat([x.narrow(0, 0, 5), zeros(5, 20)], 1), strange.narrow(0, 0, 5)), 1e-9);
        Assert.Throws<ShapeException>(() => Cka.Linear(x, strange.narrow(0, 0, 9)));
    }

    [Fact]
    public void Assignments_are_as_cheap_as_the_best_of_all()
    {
        var random = new Random(5);
        for (var round = 0; round < 20; round++)
        {
            var cost = new double[6, 7];
            for (var k = 0; k < 42; k++) cost[k / 7, k % 7] = random.NextDouble() - 0.5;
            var found = Assignment.Of(cost);
            Assert.Equal(6, found.Distinct().Count());
            Assert.Equal(Cheapest(cost, 0, 0), found.Select((column, row) => cost[row, column]).Sum(), 1e-12);
        }
        Assert.Throws<ShapeException>(() => Assignment.Of(new double[3, 2]));
    }

    [Fact]
    public void A_shuffled_dictionary_shares_everything_and_a_strange_one_nothing()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (encoder, decoder) = (randn(12, 40, generator: generator), randn(12, 40, generator: generator));
        var order = randperm(12, int64, generator: generator);
        using var one = Coder(encoder, decoder);
        using var shuffled = Coder(encoder.index_select(0, order), decoder.index_select(0, order));
        using var strange = Coder(randn(12, 40, generator: generator), randn(12, 40, generator: generator));
        var same = SeedOverlap.Of(one, shuffled);
        Assert.Equal(1, same.Share);
        var back = order.data<long>().ToArray();
        for (var k = 0; k < 12; k++) Assert.Equal(k, back[same.Partner[k]]);
        Assert.Equal(1, same.MeanCosine, 1e-5);
        Assert.Equal(0, SeedOverlap.Of(one, strange).Share);
    }

    [Fact]
    public void Linear_error_is_found_and_other_error_is_not()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var x = randn(2000, 5, generator: generator);
        var linear = x.matmul(randn(5, 5, generator: generator) * 0.2);
        var noise = randn(2000, 5, generator: generator) * linear.std([0], unbiased: true, keepdim: true);
        Assert.Equal(1, DarkMatter.Of(x, x - linear).ErrorR2, 1e-6);
        Assert.Equal(0, DarkMatter.Of(x, x - noise).ErrorR2, 0.05);
        var both = DarkMatter.Of(x, x - linear - noise);
        Assert.Equal(0.5, both.ErrorR2, 0.05);
        Assert.Equal(both.Fvu / 2, both.NonlinearFvu, 0.1 * both.Fvu);
        Assert.Throws<ShapeException>(() => DarkMatter.Of(x.narrow(0, 0, 9), x.narrow(0, 0, 9)));
    }

    [Fact]
    public void Dictionaries_of_activations_grow_with_what_they_miss()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var rows = cat([randn(40, 6, generator: generator).matmul(randn(6, 12, generator: generator)), randn(20, 12, generator: generator)], 0);
        AtomId[] ids = [.. Enumerable.Range(0, 60).Select(k => new AtomId(k / 10, k % 10))];
        int Size(double threshold)
        {
            using var dictionary = new ActivationDictionary(new ActivationDictionaryOptions { Threshold = threshold, Active = 5 });
            foreach (var start in new[] { 0, 30 })
            {
                var before = dictionary.Ids.Count;
                var errors = dictionary.Add(rows.narrow(0, start, 30), ids[start..(start + 30)]);
                // What did not become an atom met the threshold when it was seen.
                for (var k = 0; k < 30; k++)
                    if (!dictionary.Ids.Contains(ids[start + k])) Assert.True(errors[k] <= threshold || before + k < 12);
            }
            Assert.Equal(dictionary.Ids.Count, dictionary.Atoms.shape[0]);
            return dictionary.Ids.Count;
        }
        var sizes = new[] { 1e-4, 1e-2, 0.05, 1 }.Select(Size).ToList();
        Assert.Equal(sizes.OrderDescending(), sizes);
        Assert.True(sizes[0] > sizes[^1]);
        Assert.Equal(12, sizes[^1]);
        using var one = new ActivationDictionary();
        using var same = new ActivationDictionary();
        using var other = new ActivationDictionary();
        one.Add(rows, ids);
        same.Add(rows, ids);
        other.Add(rows.flip(0), [.. ids.Reverse()]);
        Assert.Equal(1, ActivationDictionary.Jaccard(one, same));
        Assert.InRange(ActivationDictionary.Jaccard(one, other), 0.1, 1);
    }

    private static double Cheapest(double[,] cost, int row, int taken)
    {
        if (row == cost.GetLength(0)) return 0;
        var best = double.PositiveInfinity;
        for (var column = 0; column < cost.GetLength(1); column++)
            if ((taken & (1 << column)) == 0) best = Math.Min(best, cost[row, column] + Cheapest(cost, row + 1, taken | (1 << column)));
        return best;
    }

    private static StandardCoder Coder(Tensor encoder, Tensor decoder) => new(
        new CoderCard { Architecture = "standard", Inputs = 40, Features = 12, Outputs = 40 },
        new CoderWeights { Encoder = encoder.clone(), EncoderBias = zeros(12), Decoder = decoder.clone(), OutputBias = zeros(40) });
}
