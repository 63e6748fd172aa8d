using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The point with the smallest sum of distances: Weiszfeld's iteration from the mean.</summary>
public static class GeometricMedian
{
    private const int MaxIterations = 100;
    private const double Enough = 1e-5;

    /// <summary>The median of rows [n, d]: [d].</summary>
    public static Tensor Of(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var median = rows.mean([0]);
        for (var k = 0; k < MaxIterations; k++)
        {
            var weights = (rows - median).norm(1, keepdim: true).clamp_min(1e-7).reciprocal();
            var next = (rows * weights).sum(0L) / weights.sum();
            var moved = (next - median).norm().item<float>();
            median = next;
            if (moved < Enough) break;
        }
        return median.MoveToOuterDisposeScope();
    }
}
