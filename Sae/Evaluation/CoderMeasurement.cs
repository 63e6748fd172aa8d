using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Measures a coder batch by batch in one pass: every reconstruction metric for all tokens, the class token and the tokens of the grid apart,
/// and how often each feature fires. Borrows the coder; holds no native memory.
/// </summary>
public sealed class CoderMeasurement(ISparseCoder coder)
{
    private readonly ReconstructionSums _all = new("all", coder.Card.Features), _cls = new("cls", coder.Card.Features), _spatial = new("spatial", coder.Card.Features);

    /// <summary>How often and how strongly each feature fired on all vectors so far.</summary>
    public FeatureUsage Usage { get; } = new(coder.Card.Features);

    /// <summary>The mean of what was to be predicted, over all vectors so far: [d_out]. What mean ablation writes.</summary>
    /// <exception cref="OptionsException">Nothing was measured.</exception>
    public IReadOnlyList<double> Mean => _all.Count > 0 ? [.. _all.Sum.Select(sum => sum / _all.Count)] : throw new OptionsException("No activations were measured.");

    /// <summary>
    /// Adds a batch. With a layout x is [pictures, tokens, …] and groups are told apart; without one every vector of [..., d_in] counts as
    /// <c>all</c>. The whole batch is encoded at once, which matters where selection depends on the batch.
    /// </summary>
    /// <param name="x">What the coder reads.</param>
    /// <param name="layout">Where the tokens lie.</param>
    /// <param name="firstToken">The layout's number of the first token in x: coders of patches alone start behind the prefix.</param>
    /// <param name="target">What it should predict: x itself where null.</param>
    /// <returns>The codes' entries, so that further counting need not encode again.</returns>
    /// <exception cref="ShapeException">x does not fit the coder or the layout.</exception>
    public CodeEntries Add(Tensor x, TokenLayout? layout = null, int firstToken = 0, Tensor? target = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var tokens = layout is null ? 0 : TokensOf(x, layout, firstToken);
        using var codes = coder.Encode(x);
        var prediction = coder.Decode(codes, x);
        var want = Rows(target ?? x, codes.Rows, "target");
        var got = Rows(prediction, codes.Rows, "prediction");
        var entries = CodeEntries.Of(codes);
        var active = tensor(Enumerable.Range(0, entries.Rows).Select(row => (double)(entries.Row(row).End - entries.Row(row).Start)).ToArray());
        var powers = SparsitySums.Powers(entries);
        _all.Add(want, got, active, powers);
        Usage.Add(entries, tokens);
        if (layout is null) return entries;
        if (firstToken == 0 && layout.Prefix > 0) Group(_cls, 0, 1);
        var grid = Math.Max(0, layout.Prefix - firstToken);
        Group(_spatial, grid, tokens - grid);
        return entries;

        void Group(ReconstructionSums sums, long start, long length)
        {
            if (length <= 0) return;
            using var inner = NewDisposeScope();
            Tensor Cut(Tensor rows) => rows.reshape([-1, tokens, .. rows.shape[1..]]).narrow(1, start, length).flatten(0, 1);
            sums.Add(Cut(want), Cut(got), Cut(active), Cut(powers));
        }
    }

    /// <summary>What was measured so far.</summary>
    /// <param name="options">Thresholds for dead and dense features; null: the defaults.</param>
    /// <exception cref="OptionsException">Nothing was, or a threshold is out of range.</exception>
    public CoderReport Report(UsageOptions? options = null)
    {
        var rows = new[] { _all, _cls, _spatial }.Select(sums => sums.Row()).OfType<MetricRow>().ToList();
        if (rows.Count == 0) throw new OptionsException("No activations were measured.");
        return new CoderReport(coder.Card, rows, Usage.Report(options));
    }

    private int TokensOf(Tensor x, TokenLayout layout, int firstToken)
    {
        if (x.ndim < 3 || firstToken < 0 || x.shape[1] < 1 || firstToken + x.shape[1] > layout.Tokens || (firstToken + x.shape[1] < layout.Tokens && x.shape[1] != 1))
            throw new ShapeException(
                $"{coder.Card.Name}: activations [{string.Join(", ", x.shape)}] from token {firstToken} on do not have the layout's {layout.Tokens} tokens on their second axis.");
        return (int)x.shape[1];
    }

    private Tensor Rows(Tensor values, long rows, string what) => rows > 0 && values.numel() == rows * coder.Card.Outputs
        ? values.reshape(rows, coder.Card.Outputs)
        : throw new ShapeException($"{coder.Card.Name}: the {what} is [{string.Join(", ", values.shape)}]; {rows} vectors of {coder.Card.Outputs} (d_out) are needed.");
}
