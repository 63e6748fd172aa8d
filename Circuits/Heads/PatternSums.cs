using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Running sums over the patterns of one block, in double precision, and the profiles that follow from them.</summary>
internal sealed class PatternSums
{
    private double[] _sum = [], _squares = [], _entropy = [];
    private long _pictures;

    internal void Add(Tensor pattern, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        var exact = pattern.to(float64);
        Into(ref _sum, exact.sum(0L));
        Into(ref _squares, (exact - 1.0 / layout.Tokens).square().sum([0L, 2L, 3L]));
        if (layout.Prefix > 0)
        {
            var sent = exact.select(2, 0).narrow(2, layout.Prefix, layout.GridTokens);
            sent /= sent.sum([2L], keepdim: true);
            Into(ref _entropy, (sent * sent.clamp(min: 1e-30).log()).sum(2L).neg().sum(0L));
        }
        _pictures += pattern.shape[0];
    }

    internal IEnumerable<HeadProfile> Profiles(int layer, TokenLayout layout)
    {
        var tokens = layout.Tokens;
        for (var head = 0; head < _squares.Length; head++)
        {
            var h = head;
            yield return Profile(layer, head, layout, (query, key) => _sum[(h * tokens + query) * tokens + key] / _pictures);
        }
    }

    private HeadProfile Profile(int layer, int head, TokenLayout layout, Func<int, int, double> mean)
    {
        var (rows, columns, patches) = (layout.Rows, layout.Columns, layout.GridTokens);
        double prefix = 0, self = 0, distance = 0, even = 0, row = 0, column = 0, corner = 0, border = 0;
        var (received, near, nearCount) = (new double[patches], new double[5, 5], new int[5, 5]);
        for (var q = 0; q < patches; q++)
        {
            for (var p = 0; p < layout.Prefix; p++) prefix += mean(layout.Prefix + q, p);
            for (var k = 0; k < patches; k++)
            {
                var share = mean(layout.Prefix + q, layout.Prefix + k);
                var (down, right) = (k / columns - q / columns, k % columns - q % columns);
                var far = Math.Sqrt(down * down + right * right);
                received[k] += share;
                distance += share * far;
                even += far / patches;
                if (k == q) self += share;
                else if (down == 0) row += share;
                else if (right == 0) column += share;
                if (IsCorner(k, rows, columns)) corner += share;
                if (IsBorder(k, rows, columns)) border += share;
                if (Math.Abs(down) > 2 || Math.Abs(right) > 2) continue;
                near[down + 2, right + 2] += share;
                nearCount[down + 2, right + 2]++;
            }
        }
        var inside = patches - prefix;
        var (best, neighbour) = Best(near, nearCount);
        var all = Enumerable.Range(0, patches);
        return new HeadProfile
        {
            Layer = layer,
            Head = head,
            ToPrefix = prefix / patches,
            PrefixEntropy = layout.Prefix > 0 && patches > 1 ? _entropy[head] / _pictures / Math.Log(patches) : double.NaN,
            Self = self / patches,
            Distance = even > 0 && inside > 0 ? distance / inside / (even / patches) : 1,
            Neighbour = neighbour,
            NeighbourShare = best,
            Row = row / patches - (double)(columns - 1) / patches,
            Column = column / patches - (double)(rows - 1) / patches,
            Corner = corner / patches / ((double)all.Count(k => IsCorner(k, rows, columns)) / patches),
            Border = border / patches / ((double)all.Count(k => IsBorder(k, rows, columns)) / patches),
            Sink = received.Max() / patches,
            Positional = Constant(head, layout.Tokens),
        };
    }

    // The variation about even attention that the mean pattern has, over that which the patterns have on average.
    private double Constant(int head, int tokens)
    {
        double about = 0;
        for (var k = head * tokens * tokens; k < (head + 1) * tokens * tokens; k++)
        {
            var difference = _sum[k] / _pictures - 1.0 / tokens;
            about += difference * difference;
        }
        return _squares[head] > 0 ? about / (_squares[head] / _pictures) : 1;
    }

    private static (double Share, (int, int) Offset) Best(double[,] near, int[,] count)
    {
        var (best, offset) = (0.0, (0, 0));
        for (var down = -2; down <= 2; down++)
            for (var right = -2; right <= 2; right++)
            {
                if ((down, right) == (0, 0) || count[down + 2, right + 2] == 0) continue;
                var share = near[down + 2, right + 2] / count[down + 2, right + 2];
                if (share > best) (best, offset) = (share, (down, right));
            }
        return (best, offset);
    }

    private static bool IsCorner(int k, int rows, int columns) => (k / columns == 0 || k / columns == rows - 1) && (k % columns == 0 || k % columns == columns - 1);

    private static bool IsBorder(int k, int rows, int columns) => k / columns == 0 || k / columns == rows - 1 || k % columns == 0 || k % columns == columns - 1;

    private static void Into(ref double[] sum, Tensor values)
    {
        var numbers = values.cpu().data<double>().ToArray();
        if (sum.Length == 0) sum = new double[numbers.Length];
        for (var k = 0; k < sum.Length; k++) sum[k] += numbers[k];
    }
}
