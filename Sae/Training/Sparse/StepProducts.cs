using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Products of a batch with the encoder, formed when a selection asks for them: in the step's buffer as a whole, or band of rows by band where the
/// selection looks at rows one by one, which needs a fraction of the memory. Lives in the step's scope.
/// </summary>
internal sealed class StepProducts
{
    private readonly SparseStep _step;
    private readonly Tensor _encoder;
    private readonly Tensor? _bias;
    private readonly bool _approximates;
    private Tensor? _whole;
    private Screen? _screen;

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
        if (_whole is null && selection.ByRow && SparseStep.Bands(Centred) is { Count: > 1 } bands) return ByBand(selection, bands);
        if (_whole is null)
        {
            _whole = _step.Buffer(Centred.shape[0], _encoder);
            _screen = Fill(Centred, _whole);
        }
        return Chosen(selection, Centred, _whole, ref _screen);
    }

    /// <summary>Some features' columns, exact, with the bias: [n, m], a new tensor.</summary>
    internal Tensor Columns(Tensor features)
    {
        using var still = no_grad();
        var columns = _whole is null || _screen is not null ? Centred.matmul(_encoder.index_select(0, features).t()) : _whole.index_select(1, features);
        return _bias is null ? columns : columns.add_(_bias.index_select(0, features));
    }

    private SparseRows ByBand(SparseSelection selection, IReadOnlyList<Tensor> bands)
    {
        using var scope = NewDisposeScope();
        List<SparseRows> found = [];
        foreach (var band in bands)
        {
            using var products = _step.Buffer(band.shape[0], _encoder);
            var screen = Fill(band, products);
            found.Add(Chosen(selection, band, products, ref screen));
        }
        return SparseRows.Joined(found).MoveToOuterScope();
    }

    private SparseRows Chosen(SparseSelection selection, Tensor rows, Tensor products, ref Screen? screen)
    {
        if (screen is not null)
        {
            var found = selection.Choose(products, _bias, screen);
            if (!screen.Overrun) return found;
            SparseStep.Multiply(rows, _encoder, products);
            screen = null;
        }
        return selection.Choose(products, _bias, null);
    }

    // Null where the products are exact.
    private Screen? Fill(Tensor rows, Tensor products)
    {
        var screen = _approximates ? _step.Approximate(rows, products) : null;
        if (screen is null) SparseStep.Multiply(rows, _encoder, products);
        return screen;
    }
}
