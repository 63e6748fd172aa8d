using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

public sealed class TensorTests
{
    [Fact]
    public void Values_travel_to_native_memory_and_back_in_row_major_order()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 1, 2, 3, 4, 5, 6 }, new long[] { 2, 3 });
        Assert.Equal([2, 3], x.shape);
        Assert.Equal([1, 4, 2, 5, 3, 6], x.t().data<float>().ToArray());
        Assert.Equal(6, x.data<float>()[1, 2]);
        Assert.Equal(21, x.sum().item<float>());
    }

    [Fact]
    public void Operators_agree_with_arithmetic_by_hand()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 1, -2, 3 });
        Assert.Equal([2.5f, -4.5f, 6.5f], ((x * 2) + x.sign() * 0.5).data<float>().ToArray());
        Assert.Equal([1, 0, 3], x.relu().data<float>().ToArray());
        Assert.Equal([0, -3, 2], (x - 1).data<float>().ToArray());
        Assert.Equal([9, 12, 7], (10 - x).data<float>().ToArray());
        var (values, indexes) = x.topk(2);
        Assert.Equal([3, 1], values.data<float>().ToArray());
        Assert.Equal([2, 0], indexes.data<long>().ToArray());
    }

    [Fact]
    public void Indexing_follows_python()
    {
        using var scope = NewDisposeScope();
        var x = arange(24, dtype: float32).reshape(2, 3, 4);
        Assert.Equal([1, 5, 9], x[TensorIndex.Single(0), TensorIndex.Colon, TensorIndex.Single(1)].data<float>().ToArray());
        Assert.Equal([2, 3, 1, 2], x[TensorIndex.Ellipsis, TensorIndex.None, ..2].shape);
        Assert.Equal([8, 9, 10, 11], x[TensorIndex.Single(0), TensorIndex.Tensor(tensor(new long[] { 2 }))].data<float>().ToArray());
        x[TensorIndex.Single(1), ..1] = zeros(1, 4);
        Assert.Equal(0, x[1][0].sum().item<float>());
    }

    [Fact]
    public void Gradients_of_inputs_are_read_without_touching_parameters()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 1, 2, 3 }).requires_grad_();
        var unused = tensor(new float[] { 1 }).requires_grad_();
        var y = (x * x).sum();
        var gradients = autograd.grad([y], [x, unused], allow_unused: true);
        Assert.Equal([2, 4, 6], gradients[0].data<float>().ToArray());
        Assert.Null(gradients[1]);
        Assert.Null(x.grad);
        using (no_grad()) Assert.False((x * 2).requires_grad);
    }

    [Fact]
    public void A_generator_with_the_same_seed_repeats_itself()
    {
        using var scope = NewDisposeScope();
        using var first = new Generator(7);
        using var second = new Generator(7);
        var a = randn(5, generator: first);
        Assert.True(a.Equals(randn(5, generator: second)));
        var state = second.get_state();
        var b = randn(5, generator: second);
        second.set_state(state);
        Assert.True(b.Equals(randn(5, generator: second)));
        Assert.False(a.Equals(b));
    }

    [Fact]
    public void Native_errors_arrive_as_exceptions_with_the_operator_and_its_shapes()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => zeros(2, 3).matmul(zeros(2, 3)));
        Assert.Contains("matmul(Float32[2, 3], Float32[2, 3])", error.Message);
        Assert.Throws<ObjectDisposedException>(() =>
        {
            var gone = zeros(1);
            gone.Dispose();
            return gone.add(1);
        });
        Assert.Throws<ArgumentException>(() => zeros(1).item<int>());
    }

    [Theory]
    [InlineData("adam")]
    [InlineData("adamw")]
    [InlineData("sgd")]
    public void Optimizers_find_the_minimum_of_a_parabola(string name)
    {
        using var scope = NewDisposeScope();
        var x = nn.Parameter(tensor(new float[] { 3, -2 }));
        var target = tensor(new float[] { 1, 1 });
        using optim.Optimizer optimizer = name switch
        {
            "adam" => optim.Adam([x], lr: 0.1),
            "adamw" => optim.AdamW([x], lr: 0.1, weight_decay: 1e-4),
            _ => optim.SGD([x], 0.1, momentum: 0.5),
        };
        for (var step = 0; step < 200; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.zero_grad();
            (x - target).square().sum().backward();
            optimizer.step();
        }
        Assert.True((x - target).abs().max().item<float>() < 0.02f);
    }

    [Fact]
    public void A_first_adam_step_moves_by_the_learning_rate()
    {
        using var scope = NewDisposeScope();
        var x = nn.Parameter(tensor(new float[] { 1, -1 }));
        using var adam = optim.Adam([x], lr: 0.01);
        (x * tensor(new float[] { 5, -0.1f })).sum().backward();
        adam.step();
        Assert.Equal([0.99f, -0.99f], x.data<float>().ToArray().Select(v => MathF.Round(v, 5)));
    }

    [Fact]
    public void Inner_scopes_dispose_their_tensors_and_let_results_out()
    {
        using var scope = NewDisposeScope();
        Tensor kept, lost;
        using (NewDisposeScope())
        {
            lost = zeros(3);
            kept = ones(3).MoveToOuterDisposeScope();
        }
        Assert.True(lost.IsInvalid);
        Assert.False(kept.IsInvalid);
        Assert.Equal(1, scope.DisposablesCount);
    }
}
