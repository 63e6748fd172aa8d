using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Activations whose features are known: X [rows, d] is a sum of rows of Truth [n, d], each as strong as Strength [rows, n] says.</summary>
internal sealed record ToySet(Tensor X, Tensor Truth, Tensor Strength);

/// <summary>Small seeded sets with planted features; everything is made in the current scope.</summary>
internal static class ToySets
{
    /// <summary>More features than dimensions, each active alone.</summary>
    internal static ToySet Superposed(int features, int width, int rows, double active, ulong seed) => Planted(features, width, rows, seed, (generator, shape) => rand(shape, generator: generator).lt(active));

    /// <summary>Features in groups: a group is on or off, and its features with it in half the cases; frequencies fall from group to group.</summary>
    internal static ToySet Correlated(int groups, int each, int width, int rows, ulong seed) => Planted(groups * each, width, rows, seed, (generator, shape) =>
    {
        var chance = Falling(0.9, groups) * 0.2;
        var on = rand([shape[0], groups], generator: generator).lt(chance).repeat_interleave(each, 1);
        return on.logical_and(rand(shape, generator: generator).lt(0.5));
    });

    /// <summary>Feature r (from 0) is active in a share first/(r + 1) of the rows.</summary>
    internal static ToySet Zipf(int features, int width, int rows, double first, ulong seed) => Planted(features, width, rows, seed, (generator, shape) =>
        rand(shape, generator: generator).lt(tensor([.. Enumerable.Range(0, features).Select(rank => (float)(first / (rank + 1)))], [features])));

    /// <summary>Orthonormal features, all as strong as 1.</summary>
    internal static ToySet Orthonormal(int width, int rows, double active, ulong seed)
    {
        using var generator = new Generator(seed);
        var truth = linalg.svd(randn(width, width, generator: generator)).U;
        var strength = rand([rows, width], generator: generator).lt(active).to(float32);
        return new ToySet(strength.matmul(truth), truth, strength);
    }

    /// <summary>Feature 0 is a parent; the others are its children, of which at most one is active, and only with it.</summary>
    internal static ToySet ParentAndChildren(int children, int width, int rows, double parent, ulong seed)
    {
        using var generator = new Generator(seed);
        var truth = linalg.svd(randn(width, width, generator: generator)).U.narrow(0, 0, children + 1);
        var on = rand([rows, 1L], generator: generator).lt(parent).to(float32);
        // One more outcome: no child.
        var child = nn.functional.one_hot(randint(0, children + 1, [rows], generator: generator), children + 1).narrow(1, 0, children).to(float32);
        var strength = cat([on, child * on], 1);
        return new ToySet(strength.matmul(truth), truth, strength);
    }

    /// <summary>Features that are as often negative as positive.</summary>
    internal static ToySet Bidirectional(int features, int width, int rows, double active, ulong seed)
    {
        var set = Superposed(features, width, rows, active, seed);
        using var generator = new Generator(seed + 1);
        var signed = set.Strength * (rand(set.Strength.shape, generator: generator).lt(0.5).to(float32) * 2 - 1);
        return set with { X = signed.matmul(set.Truth), Strength = signed };
    }

    /// <summary>Two models side by side: features of both (written in other directions by each), of the first alone, of the second alone, in this order.</summary>
    internal static ToySet TwoModels(int shared, int alone, int width, int rows, double active, ulong seed)
    {
        var features = shared + 2 * alone;
        var (first, second) = (Superposed(features, width, rows, active, seed), Superposed(features, width, rows, active, seed + 7));
        var own = ones(features, 2);
        own.narrow(0, shared, alone).select(1, 1).zero_();
        own.narrow(0, shared + alone, alone).select(1, 0).zero_();
        var truth = cat([first.Truth * own.select(1, 0).unsqueeze(1), second.Truth * own.select(1, 1).unsqueeze(1)], 1);
        return new ToySet(first.Strength.matmul(truth), truth, first.Strength);
    }

    /// <summary>A dictionary whose rows are the normalised sums of two base vectors.</summary>
    internal static ToySet Composed(int vectors, int bases, int width, ulong seed)
    {
        using var generator = new Generator(seed);
        var truth = nn.functional.normalize(randn(bases, width, generator: generator));
        var pairs = rand([vectors, bases], generator: generator).topk(2, 1).indexes;
        var strength = zeros(vectors, bases).scatter(1, pairs, ones(vectors, 2));
        return new ToySet(nn.functional.normalize(strength.matmul(truth)), truth, strength);
    }

    private static ToySet Planted(int features, int width, int rows, ulong seed, Func<Generator, long[], Tensor> active)
    {
        using var generator = new Generator(seed);
        var truth = nn.functional.normalize(randn(features, width, generator: generator));
        long[] shape = [rows, features];
        var strength = active(generator, shape).to(float32) * (rand(shape, generator: generator) + 0.5);
        return new ToySet(strength.matmul(truth) + randn([(long)rows, width], generator: generator) * 0.01, truth, strength);
    }

    // Falls by a tenth from group to group.
    private static Tensor Falling(double factor, int count) => tensor([.. Enumerable.Range(0, count).Select(k => (float)Math.Pow(factor, k))], [count]);
}
