using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What a step multiplied, in the step's buffer. Lives in the step's scope.</summary>
internal sealed class StepProducts
{
    private readonly Tensor _encoder, _values;
    private readonly Tensor? _bias;
    private Screen? _screen;

    internal StepProducts(Tensor centred, Tensor encoder, Tensor values, Tensor? bias, Screen? screen) =>
        (Centred, _encoder, _values, _bias, _screen) = (centred, encoder, values, bias, screen);

    /// <summary>What was encoded: [n, d_in].</summary>
    internal Tensor Centred { get; }

    /// <summary>Chooses entries of products + bias. Approximate products that leave too much open are computed exactly first.</summary>
    internal SparseRows Select(SparseSelection selection)
    {
        using var still = no_grad();
        if (_screen is not null)
        {
            var found = selection(_values, _bias, _screen);
            if (!_screen.Overrun) return found;
            SparseStep.Multiply(Centred, _encoder, _values);
            _screen = null;
        }
        return selection(_values, _bias, null);
    }

    /// <summary>Some features' columns, exact, with the bias: [n, m], a new tensor.</summary>
    internal Tensor Columns(Tensor features)
    {
        using var still = no_grad();
        var columns = _screen is null ? _values.index_select(1, features) : Centred.matmul(_encoder.index_select(0, features).t());
        return _bias is null ? columns : columns.add_(_bias.index_select(0, features));
    }
}
