using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Estimated effects of patching every node of some kinds of place. Owns its tensors; dispose it.</summary>
public sealed class AttributionPatches : IDisposable
{
    private readonly Dictionary<SiteKind, Tensor> _effects;
    private readonly IReadOnlyDictionary<SiteKind, IReadOnlyList<int>> _layers;
    private readonly TokenLayout? _layout;

    internal AttributionPatches(Dictionary<SiteKind, Tensor> effects, IReadOnlyDictionary<SiteKind, IReadOnlyList<int>> layers, TokenLayout? layout, string target, double forwards)
    {
        foreach (var effect in effects.Values) effect.DetachFromDisposeScope();
        (_effects, _layers, _layout, Target, Forwards) = (effects, layers, layout, target, forwards);
    }

    /// <summary>What the effects are on.</summary>
    public string Target { get; }

    /// <summary>Passes of the batch, a backward pass counted as one.</summary>
    public double Forwards { get; }

    /// <summary>The kinds of place that were asked for.</summary>
    public IReadOnlyCollection<SiteKind> Kinds => _effects.Keys;

    /// <summary>
    /// The effects at a kind of place, summed over the last axis: [layers, B, P], [layers, B, P, H], or [layers, B, H, P] for patterns and
    /// scores. Borrowed.
    /// </summary>
    /// <exception cref="OptionsException">The kind was not asked for.</exception>
    public Tensor this[SiteKind kind] => _effects.TryGetValue(kind, out var effect) ? effect
        : throw new OptionsException($"{kind.Name} was not asked for; asked for: {string.Join(", ", _effects.Keys.Select(known => known.Name))}.");

    /// <summary>The blocks of a kind, as the rows of its effects.</summary>
    public IReadOnlyList<int> Layers(SiteKind kind) => _layers[kind];

    /// <summary>Mean effects over the batch as a table: blocks × heads (tokens summed), blocks × tokens, or heads × tokens.</summary>
    public (double[,] Values, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns) Table(SiteKind kind, PatchAxes axes)
    {
        using var scope = NewDisposeScope();
        var mean = this[kind].mean([1]);
        var heads = kind.Axes.Contains(Axis.Head);
        if (heads && kind.Axes[1] == Axis.Token) mean = mean.transpose(1, 2);
        var layers = Layers(kind);
        // [layers, P] or [layers, H, P].
        var table = (axes, heads) switch
        {
            (PatchAxes.LayerHead, true) => mean.sum(2L),
            (PatchAxes.HeadToken, true) => mean.flatten(0, 1),
            (PatchAxes.LayerToken, false) => mean,
            (PatchAxes.LayerToken, true) => mean.sum(1L),
            (PatchAxes.Layer, _) => mean.flatten(1).sum(1L).unsqueeze(1),
            _ => throw new OptionsException($"{kind.Name} cannot be shown as {axes}."),
        };
        var (rows, columns) = ((int)table.shape[0], (int)table.shape[1]);
        var numbers = Numbers.Of(table);
        var values = new double[rows, columns];
        for (var k = 0; k < numbers.Length; k++) values[k / columns, k % columns] = numbers[k];
        var perLayer = rows / layers.Count;
        return (values, [.. Enumerable.Range(0, rows).Select(row => perLayer == 1 && axes != PatchAxes.HeadToken ? $"L{layers[row]}" : $"L{layers[row / perLayer]}H{row % perLayer}")],
            [.. Enumerable.Range(0, columns).Select(column => axes switch { PatchAxes.LayerHead => $"H{column}", PatchAxes.Layer => "all", _ => TokenNames.Of(_layout, column) })]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var effect in _effects.Values) effect.Dispose();
    }
}
