using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>The functions of <see cref="SparseKernels"/> composed of tensor operators: for any device and type, and differentiable.</summary>
internal static class SparseComposite
{
    // Gathered rows of one piece of work: 64 MB of float32.
    private const long PieceElements = 16 << 20;

    internal static SparseRows TopK(Tensor x, Tensor? bias, int k, bool positiveOnly)
    {
        using var scope = NewDisposeScope();
        var z = bias is null ? x : x + bias;
        return Entries(z, Largest(z.detach(), k, positiveOnly)).MoveToOuterScope();
    }

    internal static SparseRows BatchTopK(Tensor x, Tensor? bias, long wanted)
    {
        using var scope = NewDisposeScope();
        var z = bias is null ? x : x + bias;
        var kept = wanted == 0 ? zeros(x.shape, ScalarType.Bool, x.device) : Largest(z.detach().reshape(1, -1), checked((int)wanted), positiveOnly: true);
        return Entries(z, kept.view(z.shape)).MoveToOuterScope();
    }

    internal static SparseRows Above(Tensor x, Tensor? bias, Tensor limit)
    {
        using var scope = NewDisposeScope();
        var z = bias is null ? x : x + bias;
        return Entries(z, z.le(limit).logical_not()).MoveToOuterScope();
    }

    internal static Tensor Decode(SparseRows codes, Tensor matrix, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        var row = codes.RowOfEntry();
        var sum = bias?.expand(codes.Rows, matrix.shape[1]).clone() ?? zeros(codes.Rows, matrix.shape[1], matrix.dtype, matrix.device);
        foreach (var (start, length) in Pieces(codes.Count, matrix.shape[1]))
        {
            using var part = NewDisposeScope();
            var written = matrix.index_select(0, codes.Indices.narrow(0, start, length)) * codes.Values.narrow(0, start, length).unsqueeze(1);
            sum = sum.index_add(0, row.narrow(0, start, length), written, 1).MoveToOuterDisposeScope();
        }
        return sum.MoveToOuterDisposeScope();
    }

    internal static Tensor Dots(SparseRows codes, Tensor gradients, Tensor matrix, long[] ends)
    {
        using var scope = NewDisposeScope();
        var row = codes.RowOfEntry() + Group(codes.Indices, ends) * codes.Rows;
        var flat = gradients.reshape(-1, matrix.shape[1]);
        List<Tensor> parts = [zeros(0, matrix.dtype, matrix.device)];
        foreach (var (start, length) in Pieces(codes.Count, matrix.shape[1]))
            parts.Add((matrix.index_select(0, codes.Indices.narrow(0, start, length)) * flat.index_select(0, row.narrow(0, start, length))).sum(1));
        return cat(parts).MoveToOuterDisposeScope();
    }

    internal static SparseError Error(SparseRows codes, Tensor matrix, Tensor? bias, Tensor target, Tensor? rowWeights, long[] ends, double[] factors)
    {
        using var scope = NewDisposeScope();
        var group = Group(codes.Indices, ends);
        var squares = new double[ends.Length];
        var gradients = new Tensor[ends.Length];
        for (var g = ends.Length - 1; g >= 0; g--)
        {
            var error = Decode(codes.With(codes.Values.masked_fill(group.gt(g), 0)), matrix, bias) - target;
            var weighted = rowWeights is null ? error : error * rowWeights.unsqueeze(1);
            squares[g] = (weighted * error).sum().to(float64).item<double>();
            gradients[g] = g + 1 < ends.Length ? weighted * factors[g] + gradients[g + 1] : weighted * factors[g];
        }
        var all = stack(gradients);
        return new SparseError(squares, all.MoveToOuterDisposeScope(), Dots(codes, all, matrix, ends).MoveToOuterDisposeScope());
    }

    internal static FeatureOrder ByFeature(SparseRows codes, long features)
    {
        using var scope = NewDisposeScope();
        var (_, order) = codes.Indices.sort(0, stable: true);
        var ends = codes.Indices.bincount(null, features).cumsum(0);
        return new FeatureOrder(
            cat([zeros(1, int64, ends.device), ends]).MoveToOuterDisposeScope(), order.MoveToOuterDisposeScope(),
            codes.RowOfEntry().index_select(0, order).MoveToOuterDisposeScope());
    }

    internal static Tensor Sums(FeatureOrder order, Tensor coefs)
    {
        using var scope = NewDisposeScope();
        return zeros(order.Features, coefs.dtype, coefs.device).index_add(0, FeatureOfPlace(order), coefs.index_select(0, order.Order), 1).MoveToOuterDisposeScope();
    }

    internal static Tensor RowsDense(IReadOnlyList<RowPart> parts, long features)
    {
        using var scope = NewDisposeScope();
        var sum = zeros(features, parts[0].Width, parts[0].Source.dtype, parts[0].Source.device);
        foreach (var part in parts)
        {
            if (part.Order is not { } order)
            {
                sum = sum + part.Source;
                continue;
            }
            var feature = FeatureOfPlace(order);
            var coefs = part.Coefs!.index_select(0, order.Order).unsqueeze(1);
            var source = part.Source.reshape(-1, part.Width);
            var row = part.Ends is { } ends ? order.Rows + Group(feature, ends) * (source.shape[0] / ends.Length) : order.Rows;
            foreach (var (start, length) in Pieces(feature.shape[0], part.Width))
            {
                using var piece = NewDisposeScope();
                var added = source.index_select(0, row.narrow(0, start, length)) * coefs.narrow(0, start, length);
                sum = sum.index_add(0, feature.narrow(0, start, length), added, 1).MoveToOuterDisposeScope();
            }
        }
        return sum.MoveToOuterDisposeScope();
    }

    internal static double RowsSquares(IReadOnlyList<RowPart> parts, Tensor weights, double? project)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        return Projected(RowsDense(parts, weights.shape[0]), weights, project).square().sum().to(float64).item<double>();
    }

    internal static void RowsUpdate(IReadOnlyList<RowPart> parts, Tensor weights, Tensor mean, Tensor? square, RowRule rule)
    {
        using var scope = NewDisposeScope();
        var gradient = Projected(RowsDense(parts, weights.shape[0]), weights, rule.Project) * rule.Clip;
        if (rule.Kind == RowRuleKind.DecoupledAdam) weights.mul_(1 - rule.Rate * rule.Decay);
        else if (rule.Decay != 0) gradient = gradient.add(weights, rule.Decay);
        mean.mul_(rule.Beta1).add_(gradient, 1 - rule.Beta1);
        if (rule.Kind == RowRuleKind.Sign)
        {
            weights.add_(mean.sign(), -rule.Rate);
        }
        else
        {
            square!.mul_(rule.Beta2).addcmul_(gradient, gradient, 1 - rule.Beta2);
            weights.addcdiv_(mean, square.sqrt().div_(Math.Sqrt(rule.Correction2)).add_(rule.Epsilon), -rule.Rate / rule.Correction1);
        }
        if (rule.Unit is { } number) weights.div_(weights.norm(1, keepdim: true) + number);
    }

    private static Tensor Projected(Tensor gradient, Tensor weights, double? project)
    {
        if (project is not { } number) return gradient;
        var unit = weights / (weights.norm(1, keepdim: true) + number);
        return gradient - (gradient * unit).sum(1, keepdim: true) * unit;
    }

    // Which entries are among the k largest of their row; of those that equal the k-th, the first.
    private static Tensor Largest(Tensor z, int k, bool positiveOnly)
    {
        var ranked = z.masked_fill(z.isnan(), double.PositiveInfinity);
        var least = ranked.topk(k, 1).values.narrow(1, k - 1, 1);
        var (above, equal) = (ranked.gt(least), ranked.eq(least));
        var free = k - above.sum([1L], keepdim: true);
        var kept = above.logical_or(equal.logical_and(equal.cumsum(1).le(free)));
        return positiveOnly ? kept.logical_and(ranked.gt(0)) : kept;
    }

    private static SparseRows Entries(Tensor z, Tensor kept)
    {
        var ends = kept.sum([1L]).cumsum(0);
        return new SparseRows(
            cat([zeros(1, int64, ends.device), ends]), kept.nonzero().select(1, 1).contiguous(), z.masked_select(kept));
    }

    private static Tensor Group(Tensor features, long[] ends) => searchsorted(tensor(ends, device: features.device), features, right: true);

    private static Tensor FeatureOfPlace(FeatureOrder order) =>
        searchsorted(order.Starts, arange(0, order.Order.shape[0], int64, order.Starts.device), right: true).sub(1);

    private static IEnumerable<(long Start, long Length)> Pieces(long count, long width)
    {
        var piece = Math.Max(1, PieceElements / width);
        for (long start = 0; start < count; start += piece) yield return (start, Math.Min(piece, count - start));
    }
}
