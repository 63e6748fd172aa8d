using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Products of a batch with the encoder, formed when a selection asks for them, band of rows by band in the step's buffer: that needs a fraction of
/// the memory of all. Lives in the step's scope.
/// </summary>
internal sealed class StepProducts
{
    private readonly SparseStep _step;
    private readonly Tensor _encoder;
    private readonly Tensor? _bias;
    private readonly bool _approximates;

    internal StepProducts(SparseStep step, Tensor centred, Tensor encoder, Tensor? bias)
    {
        (_step, Centred, _encoder, _bias) = (step, centred.contiguous(), encoder, bias);
        _approximates = step.Approximates(Centred, encoder, bias);
    }

    /// <summary>What was encoded: [n, d_in].</summary>
    internal Tensor Centred { get; }

    /// <summary>Chooses entries of products + bias. Approximate products that leave too much open are computed exactly first.</summary>
    internal SparseRows Select(SparseSelection selection)
    {
        using var still = no_grad();
        using var scope = NewDisposeScope();
        var bands = SparseStep.Bands(Centred);
        var found = SparseRows.Joined([.. bands.Select(band => Chosen(selection, band))]);
        return (bands.Count > 1 && selection.Settle is { } settle ? settle(found, found.Rows) : found).MoveToOuterScope();
    }

    /// <summary>Some features' columns, exact, with the bias: [n, m], a new tensor.</summary>
    internal Tensor Columns(Tensor features)
    {
        using var still = no_grad();
        var columns = Centred.matmul(_encoder.index_select(0, features).t());
        return _bias is null ? columns : columns.add_(_bias.index_select(0, features));
    }

    private SparseRows Chosen(SparseSelection selection, Tensor band)
    {
        var rows = Centred.shape[0];
        using var products = _step.Buffer(band.shape[0], _encoder);
        if (_approximates && _step.Approximate(band, products) is { } screen)
        {
            var found = selection.Choose(products, _bias, screen, rows);
            if (!screen.Overrun) return found;
        }
        SparseStep.Multiply(band, _encoder, products);
        return selection.Choose(products, _bias, null, rows);
    }
}
