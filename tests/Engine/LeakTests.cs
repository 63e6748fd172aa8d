using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class LeakTests
{
    [Fact]
    public void Ten_thousand_operators_leave_no_handle_and_no_memory_behind()
    {
        var before = Tensor.TotalCount;
        Work(500);
        var resident = Environment.WorkingSet;
        Work(10_000);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.True(Environment.WorkingSet - resident < 64 << 20, $"resident memory grew by {(Environment.WorkingSet - resident) >> 20} MiB");
    }

    [Fact]
    public void A_training_loop_leaves_no_handle_behind()
    {
        var before = Tensor.TotalCount;
        using (NewDisposeScope())
        {
            var weight = nn.Parameter(randn(64, 64));
            using var adam = optim.AdamW([weight], lr: 1e-3);
            long afterFirst = 0;
            for (var step = 0; step < 1000; step++)
            {
                using var scope = NewDisposeScope();
                adam.zero_grad();
                nn.functional.mse_loss(randn(8, 64).matmul(weight), zeros(8, 64)).backward();
                adam.step();
                if (step == 1) afterFirst = Tensor.TotalCount;
                if (step > 1) Assert.Equal(afterFirst, Tensor.TotalCount);
            }
        }
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static void Work(int count)
    {
        for (var k = 0; k < count / 4; k++)
        {
            using var scope = NewDisposeScope();
            var x = ones(64, 64);
            var y = (x + 1).matmul(x).relu_();
            if (k % 100 == 0) Assert.Throws<ExternalException>(() => y.matmul(zeros(3)));
        }
    }
}
