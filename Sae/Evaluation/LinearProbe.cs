using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A binary logistic regression: score = ⟨w, x⟩ + b, positive above 0. Plain numbers only.</summary>
/// <param name="Weights">w, one per column.</param>
/// <param name="Bias">b.</param>
public sealed record LinearProbe(IReadOnlyList<double> Weights, double Bias)
{
    private const int Iterations = 1000;
    private const double Tolerance = 1e-6;

    /// <summary>
    /// Fits by L-BFGS what scikit-learn fits with the penalty C: ½‖w‖² + C·Σ log(1 + exp(−y·score)); the bias is not penalised. The problem is
    /// convex, so the result does not depend on where it starts.
    /// </summary>
    /// <param name="x">[n, d].</param>
    /// <param name="labels">One per row.</param>
    /// <param name="c">How much the data weigh against the penalty.</param>
    /// <param name="balanced">Whether both classes weigh the same in total.</param>
    /// <exception cref="PrismaException">Sizes do not fit, a class has no example, or a number is not finite.</exception>
    public static LinearProbe Fit(Tensor x, IReadOnlyList<bool> labels, double c = 1, bool balanced = false)
    {
        Check(x, labels);
        var positive = labels.Count(label => label);
        if (positive == 0 || positive == labels.Count)
            throw new OptionsException($"A probe needs examples of both classes; {positive} of {labels.Count} are positive.");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var data = x.to(float64).cpu();
        if (!data.isfinite().all().item<bool>()) throw new OptionsException("A probe cannot be fitted: the data hold NaN or infinite numbers.");
        var signs = tensor([.. labels.Select(label => label ? 1.0 : -1.0)], [labels.Count]);
        var weights = tensor([.. labels.Select(label => balanced ? labels.Count / (2.0 * (label ? positive : labels.Count - positive)) : 1)], [labels.Count]);
        var width = (int)x.shape[1];
        var transposed = data.t().contiguous();
        var found = Lbfgs.Minimise(new double[width + 1], (at, gradient) =>
        {
            using var inner = NewDisposeScope();
            var margins = signs * (data.matmul(tensor(at[..width])) + at[width]);
            // log(1 + e^−m), written so that neither sign overflows.
            var losses = (margins.abs().neg().exp() + 1).log() - margins.clamp_max(0);
            var pull = weights * signs * (margins.neg().sigmoid() * -c);
            transposed.matmul(pull).data<double>().CopyTo(gradient);
            gradient[width] = pull.sum().item<double>();
            var penalty = 0.0;
            for (var k = 0; k < width; k++)
            {
                penalty += at[k] * at[k] / 2;
                gradient[k] += at[k];
            }
            return penalty + c * (losses * weights).sum().item<double>();
        }, Iterations, Tolerance);
        return new LinearProbe(found[..width], found[width]);
    }

    /// <summary>The score of every row of [n, d].</summary>
    public double[] Scores(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.ndim != 2 || x.shape[1] != Weights.Count)
            throw new ShapeException($"A probe of {Weights.Count} columns was given [{string.Join(", ", x.shape)}].");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        return (x.to(float64).cpu().matmul(tensor([.. Weights], [Weights.Count])) + Bias).data<double>().ToArray();
    }

    /// <summary>The share of rows whose sign is right.</summary>
    public double Accuracy(Tensor x, IReadOnlyList<bool> labels)
    {
        Check(x, labels);
        return Scores(x).Zip(labels).Average(pair => pair.First > 0 == pair.Second ? 1.0 : 0.0);
    }

    /// <summary>F1 of the positive class; 0 where nothing is found.</summary>
    public double F1(Tensor x, IReadOnlyList<bool> labels)
    {
        Check(x, labels);
        var (hits, said, true_) = (0, 0, labels.Count(label => label));
        foreach (var (score, label) in Scores(x).Zip(labels))
        {
            if (score <= 0) continue;
            said++;
            if (label) hits++;
        }
        return said + true_ == 0 ? 0 : 2.0 * hits / (said + true_);
    }

    private static void Check(Tensor x, IReadOnlyList<bool> labels)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(labels);
        if (x.ndim != 2 || x.shape[0] != labels.Count || labels.Count == 0)
            throw new ShapeException($"A probe was given [{string.Join(", ", x.shape)}] and {labels.Count} labels; [n, d] and n labels are needed.");
    }
}
