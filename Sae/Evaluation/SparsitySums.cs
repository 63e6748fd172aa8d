using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// How codes are spread over features, vector by vector: running sums of what depends on a row's power sums alone. Vectors without any active
/// feature have no shape; they are left out of its means and counted.
/// </summary>
internal sealed class SparsitySums(int features)
{
    private readonly FiniteMean _hoyer = new(), _kurtosis = new(), _ratio = new();
    private double _l1;
    private long _empty;

    /// <summary>Σ|z|, Σz², Σz⁴ of each row: [rows, 3], float64. The caller disposes it.</summary>
    internal static Tensor Powers(CodeEntries codes)
    {
        var powers = new double[codes.Rows * 3];
        for (var row = 0; row < codes.Rows; row++)
        {
            var (start, end) = codes.Row(row);
            for (var entry = start; entry < end; entry++)
            {
                double square = (double)codes.Value(entry) * codes.Value(entry);
                powers[3 * row] += Math.Abs(codes.Value(entry));
                powers[3 * row + 1] += square;
                powers[3 * row + 2] += square * square;
            }
        }
        return tensor(powers, [codes.Rows, 3]);
    }

    /// <summary>Adds rows of <see cref="Powers"/>.</summary>
    internal void Add(Tensor powers)
    {
        using var scope = NewDisposeScope();
        var (sum, square, fourth) = (powers.select(1, 0), powers.select(1, 1), powers.select(1, 2));
        // Zero by zero is no number, and the means leave it out.
        var ratio = sum / square.sqrt();
        _l1 += sum.sum().item<double>();
        _empty += square.eq(0).sum().item<long>();
        _ratio.Add(ratio);
        _hoyer.Add((Math.Sqrt(features) - ratio) / (Math.Sqrt(features) - 1));
        _kurtosis.Add(fourth / square.square());
    }

    /// <summary>The metrics over so many rows.</summary>
    internal IEnumerable<(string Name, double Value)> Metrics(double rows) =>
    [
        (MetricName.L1, _l1 / rows),
        (MetricName.Hoyer, _hoyer.Value),
        (MetricName.Kurtosis, _kurtosis.Value),
        (MetricName.NormRatio, _ratio.Value),
        (MetricName.Empty, _empty),
    ];
}
