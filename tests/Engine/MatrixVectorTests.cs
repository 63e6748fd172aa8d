using Prisma.Core;
using Prisma.Engine;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>The product of a matrix and one vector, and what rests on it. Sets the threads of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Alone))]
public sealed class MatrixVectorTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(5, 96)]
    [InlineData(130, 771)]
    [InlineData(2000, 768)]
    public void It_is_the_product_in_double_precision_whatever_the_vectors(long rows, long width)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (w, x, b) = (randn([rows, width], generator: generator), randn([width], generator: generator), randn([rows], generator: generator));
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            var (matrix, vector, bias) = (w.to(type), x.to(type), b.to(type));
            var exact = matrix.to(ScalarType.Float64).matmul(vector.to(ScalarType.Float64)) + bias.to(ScalarType.Float64);
            // Width products and sums in single precision; a result in bfloat16 is rounded once.
            var size = matrix.to(ScalarType.Float64).abs().matmul(vector.to(ScalarType.Float64).abs()) + 1;
            var limit = size * (width * 1.2e-7) + exact.abs() * (type == ScalarType.BFloat16 ? 1.0 / 256 : 0.0);
            foreach (var vectors in Supported())
            {
                var got = MatrixVector.Product(matrix, vector, bias, vectors)!;
                Assert.Equal(type, got.dtype);
                Assert.True((got.to(ScalarType.Float64) - exact).abs().le(limit).all().item<bool>(), $"{type}, {vectors}");
                Assert.True(MatrixVector.Product(matrix, vector, null, vectors)!.shape.SequenceEqual([rows]));
            }
        }
    }

    [Fact]
    public void It_does_not_depend_on_threads_and_many_may_ask_at_once()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (w, x) = (randn([1500, 512], generator: generator), randn([512], generator: generator));
        var before = get_num_threads();
        try
        {
            set_num_threads(1);
            var alone = MatrixVector.Product(w, x, null)!;
            set_num_threads(3);
            for (var k = 0; k < 20; k++) Assert.True(alone.Equals(MatrixVector.Product(w, x, null)!));
            var wrong = 0;
            Parallel.For(0, 40, _ =>
            {
                using var inner = NewDisposeScope();
                if (!alone.Equals(MatrixVector.Product(w, x, null)!)) Interlocked.Increment(ref wrong);
            });
            Assert.Equal(0, wrong);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void What_it_cannot_do_is_left_to_libtorch()
    {
        using var scope = NewDisposeScope();
        var (w, x) = (ones(4, 6), ones(6));
        Assert.NotNull(MatrixVector.Product(w, x, ones(4)));
        Assert.Null(MatrixVector.Product(w.t(), ones(4), null));
        Assert.Null(MatrixVector.Product(w, ones(2, 6), null));
        Assert.Null(MatrixVector.Product(w, ones(5), null));
        Assert.Null(MatrixVector.Product(w, ones(6, 1), null));
        Assert.Null(MatrixVector.Product(w, x, ones(3)));
        Assert.Null(MatrixVector.Product(w, x, ones(4, dtype: ScalarType.BFloat16)));
        Assert.Null(MatrixVector.Product(w.to(ScalarType.Float64), x.to(ScalarType.Float64), null));
        Assert.Null(MatrixVector.Product(w, x.requires_grad_(), null));
    }

    [Fact]
    public void Heads_read_a_few_at_a_time_give_what_all_at_once_give()
    {
        // 6 heads of 700² scores are more than are read at once.
        using var model = (CausalLm)new Gpt2Family().Random(new Gpt2Config { Width = 12, Heads = 6, Layers = 1, Hidden = 8, Vocabulary = 20, Context = 700 }, 5);
        using var scope = NewDisposeScope();
        var ids = randint(0, 20, [1, 700], dtype: ScalarType.Int64);
        using var all = model.Run(ids, HookPlan.Empty.Keep(Site.Pattern[0]));
        using var few = model.Run(ids, HookPlan.Empty.Keep(Site.Z[0]));
        Assert.True(all.Main.Equals(few.Main));
    }

    private static IEnumerable<MatrixVector.Vectors> Supported()
    {
        yield return MatrixVector.Vectors.Widest;
        yield return MatrixVector.Vectors.None;
        if (System.Runtime.Intrinsics.X86.Fma.IsSupported && OperatingSystem.IsLinux()) yield return MatrixVector.Vectors.Avx2;
    }
}
