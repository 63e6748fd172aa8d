using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One batch on its way through sparse codes, and the gradients that come back. What is large, products with W_enc and W_dec, is cut out of
/// autograd: each ends in a leaf, and what the leaf feels goes on through sparse kernels, so that no gradient fills a matrix [n, F]. Everything
/// between the leaves (norms, distances, thresholds, penalties) is autograd's, by the same formulas as over dense codes. Lives in the step's scope.
/// </summary>
internal sealed class SparseGraph
{
    private readonly TrainableCoder _coder;
    private readonly StepProducts _products;
    private readonly Tensor? _bias, _lengths;
    private readonly List<SparseEntries> _chosen = [];
    private readonly List<(Tensor Features, Tensor Leaf)> _columns = [], _rows = [];
    private readonly List<(SparseEntries Entries, Tensor Values, Tensor Leaf)> _written = [];

    /// <summary>Multiplies inputs with the encoder.</summary>
    /// <param name="coder">The coder.</param>
    /// <param name="x">Inputs: [n, d_in].</param>
    /// <param name="step">The buffer for the products.</param>
    /// <param name="biased">Whether the encoder's bias is used.</param>
    /// <param name="lengths">What pre-activations are multiplied by to be ranked, constants [F]; null for nothing.</param>
    internal SparseGraph(TrainableCoder coder, Tensor x, SparseStep step, bool biased = true, Tensor? lengths = null)
    {
        using var still = no_grad();
        (_coder, _bias, _lengths) = (coder, biased ? coder.EncoderBias : null, lengths);
        Normed = coder.Normed(x);
        var centred = coder.Centred(Normed).detach();
        // Scaled rows give scaled products.
        _products = lengths is null
            ? step.Products(centred, coder.Encoder, _bias)
            : step.Products(centred, coder.Encoder * lengths.unsqueeze(1), _bias?.mul(lengths));
    }

    /// <summary>The normalised input.</summary>
    internal NormedInput Normed { get; }

    /// <summary>The entries that a selection keeps.</summary>
    /// <param name="selection">Sees the values by which features are ranked.</param>
    /// <param name="learns">Whether gradients reach the encoder.</param>
    internal SparseEntries Select(SparseSelection selection, bool learns = true)
    {
        using var still = no_grad();
        return Chosen(_products.Select(selection), learns);
    }

    /// <summary>The k largest of each row among some features, ascending int64 [m].</summary>
    internal SparseEntries Among(Tensor features, int k, bool positiveOnly, bool learns)
    {
        using var still = no_grad();
        var ranked = Columns(features, ranked: true);
        var found = SparseKernels.TopK(ranked, null, k, positiveOnly);
        return Chosen(found with { Indices = features.index_select(0, found.Indices) }, learns);
    }

    /// <summary>Pre-activations of some features, ascending int64 [m]: [n, m].</summary>
    internal Tensor Pre(Tensor features, bool learns = true)
    {
        Tensor leaf;
        using (no_grad()) leaf = Columns(features, ranked: false);
        if (!learns) return leaf;
        _columns.Add((features, leaf.requires_grad_()));
        return leaf;
    }

    /// <summary>Rows of W_dec of some features, ascending int64 [m]: [m, d_out].</summary>
    internal Tensor DecoderRows(Tensor features)
    {
        Tensor leaf;
        using (no_grad()) leaf = _coder.Decoder.index_select(0, features);
        _rows.Add((features, leaf.requires_grad_()));
        return leaf;
    }

    /// <summary>values·W_dec: [n, d_out].</summary>
    /// <param name="entries">Where the values are.</param>
    /// <param name="values">[E]; any function of the entries' pre-activations and of parameters.</param>
    internal Tensor Written(SparseEntries entries, Tensor values)
    {
        Tensor leaf;
        using (no_grad()) leaf = SparseKernels.Decode(entries.Rows.With(values.detach()), _coder.Decoder);
        _written.Add((entries, values, leaf.requires_grad_()));
        return leaf;
    }

    /// <summary>Gradients of a scalar with respect to the coder's parameters, by name; a parameter that it does not depend on has none.</summary>
    internal Dictionary<string, CoderGradient> Gradients(Tensor total)
    {
        List<Tensor> sources = [.. _coder.Parameters.Values, .. Learning.Select(entries => entries.Pre)];
        var felt = new SparseFelt(sources.Count);
        List<Tensor> leaves = [.. sources, .. _written.Select(each => each.Leaf), .. _columns.Select(each => each.Leaf), .. _rows.Select(each => each.Leaf)];
        var first = autograd.grad([total], leaves, retain_graph: true, allow_unused: true);
        felt.Add(first);
        using var still = no_grad();
        List<RowPart> decoder = [];
        List<Tensor> values = [], seeds = [];
        for (var k = 0; k < _written.Count; k++)
        {
            if (first[sources.Count + k] is not { } gradient) continue;
            var (entries, written, _) = _written[k];
            gradient = gradient.contiguous();
            decoder.Add(new RowPart(gradient, entries.Order, written.detach().contiguous()));
            if (!written.requires_grad) continue;
            values.Add(written);
            seeds.Add(SparseKernels.Dots(entries.Rows, gradient, _coder.Decoder));
        }
        if (values.Count > 0) felt.Add(autograd.grad(values, sources, seeds, allow_unused: true));
        List<Tensor?> columns = [.. first.Skip(sources.Count + _written.Count)];
        for (var k = 0; k < _rows.Count; k++)
            if (columns[_columns.Count + k] is { } gradient) decoder.AddRange(RowGradients.Of(gradient.contiguous(), _rows[k].Features, Features).Parts);
        return ByParameter(felt, decoder, columns);
    }

    private IEnumerable<SparseEntries> Learning => _chosen.Where(entries => entries.Pre.requires_grad);

    private long Features => _coder.Shape.Features;

    private SparseEntries Chosen(SparseRows found, bool learns)
    {
        // What features are ranked by is divided again by their lengths: then values need no length, and lengths no gradient.
        var pre = _lengths is null ? found.Values.detach() : found.Values / _lengths.index_select(0, found.Indices);
        var entries = new SparseEntries(found, Features, learns ? pre.requires_grad_() : pre);
        _chosen.Add(entries);
        return entries;
    }

    private Tensor Columns(Tensor features, bool ranked)
    {
        var columns = _products.Columns(features);
        return _lengths is null || ranked ? columns : columns.div_(_lengths.index_select(0, features));
    }

    // The decoder's and the encoder's gradients stay rows; what autograd found for their matrices is one more part.
    private Dictionary<string, CoderGradient> ByParameter(SparseFelt felt, List<RowPart> decoder, List<Tensor?> columns)
    {
        var (names, encoder, bias) = (_coder.Parameters.Keys.ToList(), new List<RowPart>(), zeros(Features));
        var place = names.Count;
        foreach (var entries in Learning)
        {
            if (felt[place++] is not { } gradient) continue;
            encoder.Add(new RowPart(_products.Centred, entries.Order, gradient.contiguous()));
            bias.add_(SparseKernels.Sums(entries.Order, gradient));
        }
        for (var k = 0; k < _columns.Count; k++)
        {
            if (columns[k] is not { } gradient) continue;
            encoder.AddRange(RowGradients.Of(gradient.t().matmul(_products.Centred), _columns[k].Features, Features).Parts);
            bias.index_add_(0, _columns[k].Features, gradient.sum([0L]), 1);
        }
        if (_bias is not null) felt.Add(names.FindIndex(name => ReferenceEquals(_coder.Parameters[name], _bias)), bias);
        if (_coder.InputBias is { } input)
            felt.Add(names.FindIndex(name => ReferenceEquals(_coder.Parameters[name], input)), bias.unsqueeze(0).matmul(_coder.Encoder).squeeze(0).neg_());
        var gradients = new Dictionary<string, CoderGradient>(StringComparer.Ordinal);
        for (var k = 0; k < names.Count; k++)
        {
            var own = _coder.Parameters[names[k]];
            var parts = ReferenceEquals(own, _coder.Encoder) ? encoder : ReferenceEquals(own, _coder.Decoder) ? decoder : null;
            if (parts is null || parts.Count == 0)
            {
                if (felt[k] is { } whole) gradients[names[k]] = new CoderGradient(whole);
                continue;
            }
            if (felt[k] is { } more) parts.Add(new RowPart(more.contiguous()));
            gradients[names[k]] = new CoderGradient(new RowGradients(parts));
        }
        return gradients;
    }
}
