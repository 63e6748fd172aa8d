using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>Selections beside plain loops over all entries, for sizes that fill no vector and for entries that are equal.</summary>
public sealed class SparseSelectionTests
{
    public static TheoryData<int, int, int, bool> Sizes => new()
    {
        { 5, 7, 3, false }, { 3, 1, 1, false }, { 4, 130, 130, true }, { 17, 1000, 5, false }, { 40, 1000, 5, true }, { 2, 5000, 64, false },
        { 3, 5000, 64, true }, { 0, 20, 2, false }, { 33, 2049, 1, true },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void The_largest_of_each_row_are_those_of_a_full_sort(int rows, int features, int k, bool ties)
    {
        using var scope = NewDisposeScope();
        var (x, bias) = Matrix(rows, features, ties);
        var z = Values(x + bias);
        foreach (var positiveOnly in new[] { false, true })
        {
            var want = Enumerable.Range(0, rows).Select(r => Enumerable.Range(0, features)
                .OrderByDescending(f => z[r * features + f]).ThenBy(f => f).Take(k).Where(f => !positiveOnly || z[r * features + f] > 0).Order());
            Check(want, z, features, SparseKernels.TopK(x, bias, k, positiveOnly), SparseComposite.TopK(x, bias, k, positiveOnly));
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void The_largest_of_a_batch_are_those_of_a_full_sort(int rows, int features, int k, bool ties)
    {
        using var scope = NewDisposeScope();
        var (x, bias) = Matrix(rows, features, ties);
        var z = Values(x + bias);
        foreach (var wanted in new[] { rows * k, 0, rows * k * 2L / 3 })
        {
            var kept = Enumerable.Range(0, z.Length).Where(p => z[p] > 0).OrderByDescending(p => z[p]).ThenBy(p => p).Take((int)wanted).Order().ToLookup(p => p / features, p => p % features);
            Check(Enumerable.Range(0, rows).Select(r => kept[r]), z, features, SparseKernels.BatchTopK(x, bias, wanted), SparseComposite.BatchTopK(x, bias, Math.Min(wanted, x.numel())));
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Entries_above_limits_are_all_found_whatever_was_expected(int rows, int features, int k, bool ties)
    {
        using var scope = NewDisposeScope();
        var (x, bias) = Matrix(rows, features, ties);
        var limit = bias * 2 + 0.5;
        var (z, limits) = (Values(x + bias), Values(limit));
        var want = Enumerable.Range(0, rows).Select(r => Enumerable.Range(0, features).Where(f => z[r * features + f] > limits[f])).ToList();
        foreach (var expected in new[] { 0, k, rows * features })
            Check(want, z, features, SparseKernels.Above(x, bias, limit, expected), SparseComposite.Above(x, bias, limit));
    }

    [Fact]
    public void What_is_not_a_number_is_kept_so_that_it_shows()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1, float.NaN, 3, -1, 2, -float.NaN, float.PositiveInfinity, 0 }, [2, 4]);
        foreach (var found in new[] { SparseKernels.TopK(x, null, 1, true), SparseComposite.TopK(x, null, 1, true), SparseKernels.BatchTopK(x, null, 2), SparseComposite.BatchTopK(x, null, 2) })
        {
            Assert.Equal([1, 1], found.Indices.data<long>().ToArray());
            Assert.True(found.Values.isnan().all().item<bool>());
        }
        Assert.Equal([1, 2, 0, 1, 2], SparseKernels.Above(x, null, ones(4) * 1.5).Indices.data<long>().ToArray());
    }

    [Fact]
    public void Zeros_are_no_entries_and_equal_whatever_their_sign()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { -0f, 0, 0, -0f, -1, 0 }, [2, 3]);
        Assert.Equal(0, SparseKernels.TopK(x, null, 2, positiveOnly: true).Count);
        Assert.Equal(0, SparseKernels.BatchTopK(x, null, 4).Count);
        Assert.Equal([0, 1, 0, 2], SparseKernels.TopK(x, null, 2, positiveOnly: false).Indices.data<long>().ToArray());
    }

    [Fact]
    public void Views_are_read_as_what_they_show()
    {
        using var scope = NewDisposeScope();
        var x = randn(300, 40).t();
        var found = SparseKernels.TopK(x, null, 3, false);
        Assert.True(found.Indices.Equals(SparseComposite.TopK(x, null, 3, false).Indices));
        Assert.True(SparseKernels.BatchTopK(x, null, 50).Indices.Equals(SparseComposite.BatchTopK(x, null, 50).Indices));
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => SparseKernels.TopK(ones(2, 3), null, 4, false));
        Assert.Throws<ArgumentException>(() => SparseKernels.TopK(ones(2, 3), ones(2), 1, false));
        Assert.Throws<ArgumentException>(() => SparseKernels.Above(ones(2, 3), null, ones(2)));
        var codes = SparseKernels.TopK(ones(2, 3), null, 2, false);
        Assert.Throws<ArgumentException>(() => SparseKernels.Decode(codes, ones(1, 5)));
        Assert.Throws<ArgumentException>(() => SparseKernels.ByFeature(codes, 1));
    }

    // Rounded numbers are equal often.
    private static (Tensor X, Tensor Bias) Matrix(int rows, int features, bool ties)
    {
        using var generator = new Generator((ulong)(rows * 7919 + features));
        var (x, bias) = (randn(rows, features, generator: generator), randn(features, generator: generator) * 0.3);
        return ties ? (x.round(), bias.round()) : (x, bias);
    }

    private static float[] Values(Tensor tensor) => [.. tensor.flatten().data<float>()];

    private static void Check(IEnumerable<IEnumerable<int>> want, float[] z, int features, params SparseRows[] got)
    {
        var rows = want.Select(row => row.ToArray()).ToList();
        foreach (var found in got)
        {
            var starts = found.Starts.data<long>().ToArray();
            Assert.Equal(rows.Aggregate(new List<long> { 0 }, (sums, row) => [.. sums, sums[^1] + row.Length]), starts);
            Assert.Equal(rows.SelectMany(row => row.Select(f => (long)f)), found.Indices.data<long>().ToArray());
            Assert.Equal(rows.SelectMany((row, r) => row.Select(f => z[r * features + f])), found.Values.data<float>().ToArray());
        }
    }
}
