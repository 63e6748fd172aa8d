using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Measures a coder batch by batch: L0 and explained variance for all tokens, the class token and the tokens of the grid apart. Borrows the
/// coder. The formulas are named at <see cref="FidelityRow"/>.
/// </summary>
public sealed class Fidelity(ICoder coder)
{
    private readonly ReconstructionSums _all = new("all", coder.Card.Features), _cls = new("cls", coder.Card.Features), _spatial = new("spatial", coder.Card.Features);
    private readonly bool[] _fired = new bool[coder.Card.Features];

    /// <summary>
    /// Adds a batch. With a layout x is [batch, tokens, d] and the groups are told apart; without one every vector of [..., d] counts as
    /// <c>all</c>.
    /// </summary>
    /// <param name="x">What the coder reads.</param>
    /// <param name="layout">Where the tokens lie.</param>
    /// <param name="target">What it should predict: x itself where null.</param>
    /// <exception cref="ShapeException">x does not fit the coder or the layout.</exception>
    public void Add(Tensor x, TokenLayout? layout = null, Tensor? target = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        using var codes = coder.Encode(x);
        var prediction = coder.Decode(codes, x);
        var active = codes.ActivePerRow();
        var want = (target ?? x).reshape(codes.Rows, coder.Card.Outputs);
        var got = prediction.reshape(codes.Rows, coder.Card.Outputs);
        _all.Add(want, got, active, powers: null);
        Note(codes);
        if (layout is null) return;
        if (x.ndim < 3 || x.shape[1] != layout.Tokens)
            throw new ShapeException($"Activations [{string.Join(", ", x.shape)}] do not have the layout's {layout.Tokens} tokens on their second axis.");
        if (layout.Prefix > 0) Group(_cls, layout, want, got, active, 0, 1);
        Group(_spatial, layout, want, got, active, layout.Prefix, layout.GridTokens);
    }

    /// <summary>What was measured so far.</summary>
    /// <exception cref="OptionsException">Nothing was.</exception>
    public FidelityReport Report()
    {
        var rows = new[] { _all, _cls, _spatial }.Select(sums => sums.Row()).OfType<MetricRow>().Select(FidelityRow.Of).ToList();
        if (rows.Count == 0) throw new OptionsException("No activations were measured.");
        return new FidelityReport(rows, _fired.Count(fired => !fired), _fired.Length, coder.Card.Origin.Published);
    }

    private static void Group(ReconstructionSums sums, TokenLayout layout, Tensor want, Tensor got, Tensor active, long start, long length)
    {
        using var scope = NewDisposeScope();
        Tensor Cut(Tensor rows) => rows.reshape([-1, layout.Tokens, .. rows.shape[1..]]).narrow(1, start, length).flatten(0, 1);
        sums.Add(Cut(want), Cut(got), Cut(active), powers: null);
    }

    private void Note(Codes codes)
    {
        var counts = codes.ActivePerFeature().cpu().data<long>().ToArray();
        for (var k = 0; k < counts.Length; k++) _fired[k] |= counts[k] > 0;
    }
}
