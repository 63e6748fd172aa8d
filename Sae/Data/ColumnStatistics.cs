using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What the rows of one column are like: enough to centre and scale them. Of the numbers as they are stored, in double precision.</summary>
/// <param name="Count">Rows.</param>
/// <param name="MeanNorm">Mean of ‖x‖₂.</param>
/// <param name="MeanSquaredNorm">Mean of ‖x‖₂².</param>
/// <param name="Mean">Mean of each number: [width].</param>
/// <param name="Std">Standard deviation of each number, divided by the count: [width].</param>
public sealed record ColumnStatistics(long Count, double MeanNorm, double MeanSquaredNorm, IReadOnlyList<double> Mean, IReadOnlyList<double> Std)
{
    /// <summary>Of no rows.</summary>
    internal static ColumnStatistics Empty(int width) => new(0, 0, 0, new double[width], new double[width]);

    /// <summary>Of a matrix [rows, width].</summary>
    public static ColumnStatistics Of(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var x = rows.to(ScalarType.Float64);
        var squared = x.square().sum(1L);
        return new ColumnStatistics(rows.shape[0], squared.sqrt().mean().item<double>(), squared.mean().item<double>(),
            x.mean([0]).data<double>().ToArray(), x.std(0, unbiased: false).data<double>().ToArray());
    }

    /// <summary>Of both together (Chan et al. 1979). Merging in the same order gives the same bits, whether or not the parts were written down between.</summary>
    public ColumnStatistics Merge(ColumnStatistics other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Count == 0) return other;
        var count = Count + other.Count;
        var share = (double)other.Count / count;
        var (mean, std) = (new double[Mean.Count], new double[Mean.Count]);
        for (var k = 0; k < mean.Length; k++)
        {
            var step = other.Mean[k] - Mean[k];
            mean[k] = Mean[k] + step * share;
            std[k] = Math.Sqrt((1 - share) * Std[k] * Std[k] + share * other.Std[k] * other.Std[k] + share * (1 - share) * step * step);
        }
        return new ColumnStatistics(count, Between(MeanNorm, other.MeanNorm), Between(MeanSquaredNorm, other.MeanSquaredNorm), mean, std);

        double Between(double own, double theirs) => own + (theirs - own) * share;
    }
}
