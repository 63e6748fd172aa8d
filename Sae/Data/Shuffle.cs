namespace Prisma.Sae;

/// <summary>Permutations that depend on nothing but a seed and the place of their use: the same on every machine, thread and libtorch.</summary>
internal static class Shuffle
{
    /// <summary>The numbers 0 to <paramref name="count"/> − 1 in an order of their own (Fisher-Yates); as they are where there is no seed.</summary>
    internal static int[] Of(int count, long? seed, params ReadOnlySpan<long> use)
    {
        var order = new int[count];
        for (var k = 0; k < count; k++) order[k] = k;
        if (seed is not { } key) return order;
        foreach (var step in use) key = (long)Seeds.Mixed(key, step);
        for (var k = count - 1; k > 0; k--)
        {
            var other = (int)Math.BigMul(Seeds.Mixed(key, k), (ulong)k + 1, out _);
            (order[k], order[other]) = (order[other], order[k]);
        }
        return order;
    }

    /// <summary>The same as row numbers for a tensor.</summary>
    internal static long[] Rows(long count, long? seed, params ReadOnlySpan<long> use) => Array.ConvertAll(Of(checked((int)count), seed, use), row => (long)row);
}
