using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>The number of threads, and of live tensors, belongs to the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class SparseThreadTests
{
    [Fact]
    public void One_thread_and_three_give_the_same_bits()
    {
        var before = get_num_threads();
        try
        {
            using var scope = NewDisposeScope();
            set_num_threads(1);
            var one = Results();
            set_num_threads(3);
            var three = Results();
            foreach (var (name, value) in one) Assert.True(value.Equals(three[name]), name);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Steps_leave_no_tensor_behind() => Leaks.None(Work);

    private static void Work()
    {
        using var scope = NewDisposeScope();
        Results();
        using var codes = new SparseCodes(SparseKernels.TopK(randn(5, 9), null, 2, true), 9);
        codes.Times(randn(9, 4)).Dispose();
        codes.Column(3).Dispose();
    }

    // Products are given, for a matrix product's bits may depend on threads; sizes large enough for several threads.
    private static Dictionary<string, Tensor> Results()
    {
        using var generator = new Generator(5);
        const int Rows = 300, Features = 3000, Width = 70;
        var x = randn(Rows, Features, generator: generator).mul(64).round();
        var (matrix, target, bias) = (randn(Features, Width, generator: generator), randn(Rows, Width, generator: generator), zeros(Width));
        var results = new Dictionary<string, Tensor>();
        var above = SparseKernels.Above(x, null, full(Features, 150));
        (results["above.indices"], results["above.values"]) = (above.Indices, above.Values);
        var batch = SparseKernels.BatchTopK(x, null, 4321);
        (results["batch.starts"], results["batch.indices"]) = (batch.Starts, batch.Indices);
        var codes = SparseKernels.TopK(x, null, 9, true);
        (results["indices"], results["values"]) = (codes.Indices, codes.Values);
        results["decoded"] = SparseKernels.Decode(codes, matrix, bias);
        var error = SparseKernels.Error(codes, matrix, bias, target, null, [1000, Features], [1, 2]);
        (results["gradients"], results["code gradients"], results["squares"]) = (error.Gradients, error.Codes, tensor(error.Squares));
        results["dots"] = SparseKernels.Dots(codes, error.Gradients, matrix, [1000, Features]);
        RowPart[] parts = [new(error.Gradients, SparseKernels.ByFeature(codes, Features), codes.Values, [1000, Features])];
        results["dense"] = SparseKernels.RowsDense(parts, Features);
        results["length"] = tensor(SparseKernels.RowsSquares(parts, matrix, 1e-6));
        var (mean, square) = (zeros(Features, Width), zeros(Features, Width));
        SparseKernels.RowsUpdate(parts, matrix, mean, square, new RowRule { Rate = 0.1, Step = 1, Project = 0, Unit = 0, Clip = 0.5 });
        (results["weights"], results["mean"], results["square"]) = (matrix, mean, square);
        return results;
    }
}
