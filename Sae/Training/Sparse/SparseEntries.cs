using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Entries of a matrix [n, F] that a selection kept, row by row, and what they may learn. Lives in the step's scope; what is found about the
/// entries once is kept.
/// </summary>
/// <param name="rows">The entries with the values by which they were ranked.</param>
/// <param name="features">F.</param>
/// <param name="pre">Their pre-activations [E]: a leaf that gradients reach, or constants.</param>
internal sealed class SparseEntries(SparseRows rows, long features, Tensor pre)
{
    private FeatureOrder? _order;
    private Tensor? _rowOf;

    /// <summary>The entries, with the values by which they were ranked.</summary>
    internal SparseRows Rows => rows;

    /// <summary>The feature of each entry: int64 [E].</summary>
    internal Tensor Indices => rows.Indices;

    /// <summary>Pre-activations: [E].</summary>
    internal Tensor Pre => pre;

    /// <summary>The entries by feature.</summary>
    internal FeatureOrder Order => _order ??= SparseKernels.ByFeature(rows, features);

    /// <summary>Σ of a number per entry [E] over each feature's entries: [F]; differentiable.</summary>
    internal Tensor PerFeature(Tensor numbers) => zeros(features, numbers.dtype, numbers.device).index_add(0, Indices, numbers, 1);

    /// <summary>How many of each feature's entries are marked, bool [E]: int64 [F].</summary>
    internal Tensor Counts(Tensor marked) => PerFeature(marked.to(int64));

    /// <summary>The entries at some places, int64 [m], ascending by row.</summary>
    internal SparseEntries At(Tensor places) => new(rows.At(places), features, pre.index_select(0, places));

    /// <summary>Each row's ranking values side by side, the largest first, with the places of their entries: [n, most], −∞ where a row has fewer.</summary>
    internal (Tensor Values, Tensor Places) Sorted()
    {
        _rowOf ??= rows.RowOfEntry();
        var begins = rows.Starts.narrow(0, 0, rows.Rows);
        var most = rows.Count == 0 ? 0 : (rows.Starts.narrow(0, 1, rows.Rows) - begins).max().item<long>();
        var all = arange(0, rows.Count, int64, Indices.device);
        var place = _rowOf * most + (all - begins.index_select(0, _rowOf));
        var table = full(rows.Rows * most, double.NegativeInfinity, rows.Values.dtype, Indices.device).scatter(0, place, rows.Values).view(rows.Rows, most);
        var (values, order) = table.sort(1, descending: true);
        return (values, order + begins.unsqueeze(1));
    }
}
