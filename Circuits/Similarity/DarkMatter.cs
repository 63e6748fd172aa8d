using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What a dictionary misses, split by a linear map (Engels et al. 2024): how much of the error x − x̂ is a linear function of x, learned on
/// some rows and measured on others.
/// </summary>
/// <param name="ErrorR2">R² of the error on held-out rows, mean over channels.</param>
/// <param name="Fvu">Share of the variance that the dictionary misses there.</param>
/// <param name="NonlinearFvu">Share that is still missed with the linear part of the error added.</param>
/// <param name="NormR2">R² of predicting the squared norms of x, x̂, the error, its linear and its other part from x, in this order.</param>
public sealed record DarkMatter(double ErrorR2, double Fvu, double NonlinearFvu, IReadOnlyList<double> NormR2)
{
    /// <summary>Measures inputs and their reconstructions; the first rows are learned from.</summary>
    /// <param name="x">[n, d], rows in random order.</param>
    /// <param name="reconstruction">[n, d].</param>
    /// <param name="training">How many rows are learned from; more than ten times d for steady numbers. Null: half.</param>
    /// <param name="intercept">Let the linear maps have a constant; the published code has none.</param>
    /// <exception cref="ShapeException">Shapes differ, or there are too few rows to learn from or to measure on.</exception>
    public static DarkMatter Of(Tensor x, Tensor reconstruction, int? training = null, bool intercept = false)
    {
        CentredRows.Check(x, reconstruction, least: 4);
        var rows = (int)x.shape[0];
        var learned = training ?? rows / 2;
        if (!x.shape.AsSpan().SequenceEqual(reconstruction.shape) || learned <= x.shape[1] || rows - learned < 2)
            throw new ShapeException($"Inputs [{string.Join(", ", x.shape)}] and reconstructions [{string.Join(", ", reconstruction.shape)}] with {learned} rows to learn from: more than {x.shape[1]} are needed, and two others to measure on.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (inputs, outputs) = (x.detach().to(float64), reconstruction.detach().to(float64));
        var error = inputs - outputs;
        var readers = intercept ? cat([inputs, ones([rows, 1], float64, inputs.device)], 1) : inputs;
        Tensor Predicted(Tensor goal)
        {
            var map = Inverse(readers.narrow(0, 0, learned)).matmul(goal.narrow(0, 0, learned));
            return readers.narrow(0, learned, rows - learned).matmul(map);
        }
        Tensor Held(Tensor value) => value.narrow(0, learned, rows - learned);
        var linear = Predicted(error);
        var whole = Held(error);
        // Parts of the error on all rows, for their norms.
        var linearAll = readers.matmul(Inverse(readers.narrow(0, 0, learned)).matmul(error.narrow(0, 0, learned)));
        double[] norms = [.. new[] { inputs, outputs, error, linearAll, error - linearAll }.Select(part =>
        {
            var squares = part.square().sum([1L], keepdim: true);
            return R2(Held(squares), Predicted(squares));
        })];
        return new DarkMatter(R2(whole, linear), Missed(Held(inputs), whole), Missed(Held(inputs), whole - linear), norms);
    }

    private static double Missed(Tensor x, Tensor error) => error.square().sum().item<double>() / (x - x.mean([0], keepdim: true)).square().sum().item<double>();

    private static double R2(Tensor goal, Tensor predicted)
    {
        var left = (goal - predicted).square().sum(0L);
        var all = (goal - goal.mean([0], keepdim: true)).square().sum(0L);
        return (1 - left / all).mean().item<double>();
    }

    // The pseudoinverse; directions below 1e-9 of the largest do not count.
    private static Tensor Inverse(Tensor matrix)
    {
        var (u, s, vh) = linalg.svd(matrix, fullMatrices: false);
        var inverse = s.reciprocal() * s.gt(s.max() * 1e-9).to(s.dtype);
        return (vh.t() * inverse).matmul(u.t());
    }
}
