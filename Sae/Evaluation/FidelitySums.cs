using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Running sums of one group of tokens, in double precision. Holds plain numbers only.</summary>
internal sealed class FidelitySums(string name)
{
    private long _count;
    private double _active, _squares, _errorSquares, _cosines, _ratios;
    private double[] _sum = [], _errorSum = [];

    /// <summary>Adds vectors [n, d], their predictions [n, d] and their active features [n].</summary>
    internal void Add(Tensor x, Tensor prediction, Tensor active)
    {
        if (x.shape[0] == 0) return;
        using var scope = NewDisposeScope();
        var (want, got) = (x.to(float64), prediction.to(float64));
        var error = want - got;
        if (_count == 0) (_sum, _errorSum) = (new double[want.shape[1]], new double[want.shape[1]]);
        _count += want.shape[0];
        _active += active.to(float64).sum().item<double>();
        _squares += want.square().sum().item<double>();
        _errorSquares += error.square().sum().item<double>();
        Accumulate(_sum, want);
        Accumulate(_errorSum, error);
        var (wantNorm, gotNorm) = (want.norm(1), got.norm(1));
        _cosines += ((want * got).sum(1) / (wantNorm * gotNorm).clamp_min(1e-300)).sum().item<double>();
        var spread = (want - want.mean([0], keepdim: true)).square().sum(1);
        _ratios += (1 - error.square().sum(1) / spread.clamp_min(1e-300)).sum().item<double>();
    }

    /// <summary>The figures; null where nothing was added.</summary>
    internal FidelityRow? Row()
    {
        if (_count == 0) return null;
        var total = _squares - _sum.Sum(value => value * value) / _count;
        return new FidelityRow
        {
            Tokens = name,
            Count = _count,
            L0 = _active / _count,
            ExplainedVariance = 1 - _errorSquares / total,
            CentredResidual = 1 - (_errorSquares - _errorSum.Sum(value => value * value) / _count) / total,
            TokenRatio = _ratios / _count,
            Cosine = _cosines / _count,
            Mse = _errorSquares / _count / _sum.Length,
        };
    }

    private static void Accumulate(double[] into, Tensor rows)
    {
        var sums = rows.sum([0]).cpu().data<double>().ToArray();
        for (var k = 0; k < into.Length; k++) into[k] += sums[k];
    }
}
