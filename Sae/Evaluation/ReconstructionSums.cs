using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What all reconstruction metrics of one group of tokens are functions of: running sums in double precision, so that batches of any size give
/// the same numbers. Variances are taken around the first batch's mean, which keeps large means from eating digits. Plain numbers only.
/// </summary>
internal sealed class ReconstructionSums(string name, int features)
{
    private long _count;
    private bool _measured;
    private double _active, _errorNorms, _cosines, _normRatios;
    private readonly SparsitySums _sparsity = new(features);
    private readonly FiniteMean _tokenRatios = new(), _channelRatios = new();
    private double[] _pivot = [], _x = [], _xSquares = [], _pivoted = [], _pivotedSquares = [], _error = [], _errorSquares = [], _gotSquares = [], _products = [];

    /// <summary>How many vectors were added.</summary>
    internal long Count => _count;

    /// <summary>Σ over vectors of what was to be predicted, per channel.</summary>
    internal IReadOnlyList<double> Sum => _x;

    /// <summary>
    /// Adds vectors [n, d], their predictions [n, d], their active features [n] and the <see cref="SparsitySums.Powers"/> of their codes [n, 3];
    /// without these what depends on them is left out of the row.
    /// </summary>
    internal void Add(Tensor x, Tensor prediction, Tensor active, Tensor? powers)
    {
        if (x.shape[0] == 0) return;
        using var scope = NewDisposeScope();
        var (want, got) = (x.to(float64), prediction.to(float64));
        var (error, mean) = (want - got, want.mean([0], keepdim: true));
        if (_count == 0) Start(mean);
        _count += want.shape[0];
        _active += Total(active.to(float64));
        if (powers is not null) _sparsity.Add(powers);
        _measured |= powers is not null;
        AddChannels(want, got, error);
        var (wantNorm, gotNorm, errorSquare) = (want.norm(1), got.norm(1), error.square().sum(1));
        _errorNorms += Total(errorSquare.sqrt());
        _cosines += Total((want * got).sum(1) / (wantNorm * gotNorm).clamp_min(1e-300));
        // SAELens counts norms below 1e-4 as 1.
        _normRatios += Total(gotNorm / wantNorm.masked_fill(wantNorm.lt(1e-4), 1));
        _tokenRatios.Add(1 - errorSquare / (want - mean).square().sum(1));
        _channelRatios.Add(error.var(1L, unbiased: false) / want.var(1L, unbiased: false));
    }

    /// <summary>The metrics; null where nothing was added.</summary>
    internal MetricRow? Row()
    {
        if (_count == 0) return null;
        double n = _count, width = _x.Length;
        double residual = _errorSquares.Sum(), square = _xSquares.Sum(), s = square / n;
        var variances = _pivotedSquares.Select((value, j) => Variance(value, _pivoted[j])).ToArray();
        var errorVariances = _errorSquares.Select((value, j) => Variance(value, _error[j])).ToArray();
        var spread = variances.Sum() * n;
        var mean = _x.Sum() / (n * width);
        var live = Enumerable.Range(0, _x.Length).Where(j => variances[j] >= 1e-10).ToList();
        var values = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [MetricName.L0] = _active / n,
            [MetricName.Global] = 1 - Ratio(residual, spread),
            [MetricName.Fvu] = Ratio(residual, spread),
            [MetricName.Mse] = residual / n,
            [MetricName.MseElement] = residual / n / width,
            [MetricName.L2Loss] = _errorNorms / n,
            [MetricName.Nmse] = Ratio(residual, square),
            [MetricName.Cosine] = _cosines / n,
            [MetricName.L2Ratio] = _normRatios / n,
            [MetricName.Bias] = Ratio(_gotSquares.Sum(), _products.Sum()),
            [MetricName.CentredResidual] = 1 - Ratio(errorVariances.Sum() * n, spread),
            [MetricName.TokenRatio] = _tokenRatios.Value,
            [MetricName.SaeLens] = 1 - Ratio(residual / n, s - s / width * (s / width)),
            [MetricName.PerDim] = live.Count == 0 ? double.NaN : live.Average(j => 1 - errorVariances[j] / (variances[j] + 1e-8)),
            [MetricName.ScalarMean] = 1 - Ratio(residual, square - n * width * mean * mean),
            [MetricName.Channel] = _channelRatios.Value,
            [MetricName.Uncentred] = 1 - Ratio(residual, square),
            [MetricName.CosineChannel] = Enumerable.Range(0, _x.Length).Average(j => Ratio(_products[j], Math.Sqrt(_xSquares[j] * _gotSquares[j]))),
            [MetricName.Zeros] = 1 - _active / n / features,
        };
        if (_measured) foreach (var (metric, value) in _sparsity.Metrics(n)) values[metric] = value;
        return new MetricRow(name, _count, values);

        double Variance(double squares, double sum) => Math.Max(0, (squares - sum * sum / n) / n);
    }

    private static double Ratio(double above, double below) => below == 0 ? double.NaN : above / below;

    private void Start(Tensor mean)
    {
        _pivot = mean.cpu().contiguous().data<double>().ToArray();
        double[] Zeros() => new double[_pivot.Length];
        (_x, _xSquares, _pivoted, _pivotedSquares) = (Zeros(), Zeros(), Zeros(), Zeros());
        (_error, _errorSquares, _gotSquares, _products) = (Zeros(), Zeros(), Zeros(), Zeros());
    }

    private void AddChannels(Tensor want, Tensor got, Tensor error)
    {
        var pivoted = want - tensor(_pivot).to(want.device);
        Accumulate(_x, want);
        Accumulate(_xSquares, want.square());
        Accumulate(_pivoted, pivoted);
        Accumulate(_pivotedSquares, pivoted.square());
        Accumulate(_error, error);
        Accumulate(_errorSquares, error.square());
        Accumulate(_gotSquares, got.square());
        Accumulate(_products, want * got);
    }

    private static void Accumulate(double[] into, Tensor rows)
    {
        var sums = rows.sum(0L).cpu().data<double>();
        for (var k = 0; k < into.Length; k++) into[k] += sums[k];
    }

    private static double Total(Tensor values) => values.sum().item<double>();
}
