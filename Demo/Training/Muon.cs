using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// Muon (Jordan et al., 2024) for weight matrices: momentum whose singular values are all brought near 1, so that every direction of a
/// matrix learns at the same pace. On the demo's small transformer it needs about two thirds of AdamW's steps. Fused matrices, such
/// as queries, keys and values in one, are treated square by square. Reads <see cref="Tensor.grad"/>.
/// </summary>
internal sealed class Muon : IDisposable
{
    private const double Momentum = 0.95;
    private const int Rounds = 5;

    private readonly Parameter[] _matrices;
    private readonly Tensor[] _momenta;
    private readonly double _decay;

    public Muon(IEnumerable<Parameter> matrices, double weightDecay)
    {
        _matrices = [.. matrices];
        _momenta = [.. _matrices.Select(matrix => zeros(matrix.shape).DetachFromDisposeScope())];
        _decay = weightDecay;
    }

    public void Step(double learningRate)
    {
        using var frozen = no_grad();
        for (int i = 0; i < _matrices.Length; i++)
        {
            using var scope = NewDisposeScope();
            Tensor gradient = _matrices[i].grad!, momentum = _momenta[i].mul_(Momentum).add_(gradient);
            Tensor ahead = gradient.add(momentum, Momentum);
            long rows = ahead.shape[0], columns = ahead.shape[1];
            Tensor update = rows == 3 * columns
                ? cat([Orthogonal(ahead.narrow(0, 0, columns)), Orthogonal(ahead.narrow(0, columns, columns)), Orthogonal(ahead.narrow(0, 2 * columns, columns))], 0)
                : Orthogonal(ahead).mul(Math.Sqrt(Math.Max(1, rows / (double)columns)));
            _matrices[i].mul_(1 - learningRate * _decay).add_(update, -learningRate);
        }
    }

    public void Dispose()
    {
        foreach (Tensor momentum in _momenta) momentum.Dispose();
    }

    /// <summary>The matrix with its singular values near 1: an odd polynomial of fifth degree, applied again and again (Newton–Schulz).</summary>
    internal static Tensor Orthogonal(Tensor matrix)
    {
        using var scope = NewDisposeScope();
        bool tall = matrix.shape[0] > matrix.shape[1];
        Tensor x = tall ? matrix.transpose(0, 1) : matrix;
        x = x.div(x.square().sum().sqrt().add(1e-7));
        for (int round = 0; round < Rounds; round++)
        {
            Tensor square = x.matmul(x.transpose(0, 1));
            x = x.mul(3.4445).add(square.mul(-4.7750).add(square.matmul(square), 2.0315).matmul(x));
        }
        return (tall ? x.transpose(0, 1) : x).MoveToOuterDisposeScope();
    }
}
