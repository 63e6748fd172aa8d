using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The k entries of largest magnitude of each row, with their signs, from the largest of the matrix and of its negative.</summary>
internal static class Magnitudes
{
    /// <summary>Selects; entries that are zero are left out. Negates the products meanwhile.</summary>
    internal static SparseRows TopK(Tensor products, Tensor? bias, int k, Screen? screen)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var positive = SparseKernels.TopK(products, bias, k, positiveOnly: true, screen);
        products.neg_();
        var mirror = screen is null ? null : screen with { X = screen.X.neg() };
        var negative = SparseKernels.TopK(products, bias?.neg(), k, positiveOnly: true, mirror);
        products.neg_();
        if (screen is not null) screen.Overrun |= mirror!.Overrun;
        return Largest(positive, negative, k, products.shape[1]).MoveToOuterScope();
    }

    private static SparseRows Largest(SparseRows positive, SparseRows negative, int k, long features)
    {
        var (row, index) = (cat([positive.RowOfEntry(), negative.RowOfEntry()]), cat([positive.Indices, negative.Indices]));
        var (size, value) = (cat([positive.Values, negative.Values]), cat([positive.Values, negative.Values.neg()]));
        // By row, by falling magnitude within one.
        var order = size.sort(0, descending: true, stable: true).Indices;
        order = order.index_select(0, row.index_select(0, order).sort(0, stable: true).Indices);
        var place = arange(0, row.shape[0], int64) - Starts(row, positive.Rows).index_select(0, row.index_select(0, order));
        var kept = order.masked_select(place.lt(k));
        kept = kept.index_select(0, (row * features + index).index_select(0, kept).sort(0).Indices);
        return new SparseRows(Starts(row.index_select(0, kept), positive.Rows), index.index_select(0, kept), value.index_select(0, kept));
    }

    private static Tensor Starts(Tensor row, long rows) => cat([zeros(1, int64), row.bincount(null, rows).cumsum(0)]);
}
