using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A table of changes to try: a kind of place in a range of blocks, cut by tokens, heads or units.</summary>
/// <param name="Kind">The kind of place.</param>
/// <param name="Axes">What rows and columns are.</param>
public sealed record PatchGrid(SiteKind Kind, PatchAxes Axes)
{
    /// <summary>The part of the model; empty where there is one stack.</summary>
    public string Part { get; init; } = "";

    /// <summary>The blocks; all where null.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>The columns (tokens, heads or units) to try; all where null.</summary>
    public IReadOnlyList<int>? Columns { get; init; }

    /// <summary>The places in forward order.</summary>
    /// <exception cref="NotApplicableException">The model has none of them.</exception>
    public IReadOnlyList<HookSite> Sites(HookedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var sites = model.Points.Where(point => point.Kind == Kind && (Part.Length == 0 || point.Site.Path.Part == Part)
            && (Layers is null || Layers.Contains(point.Site.Path.Layer))).Select(point => point.Site).ToList();
        if (sites.Count == 0)
            throw new NotApplicableException($"Patching does not apply: {model.Card.Name} has no {Kind.Name}{(Part.Length > 0 ? $" in '{Part}'" : "")}{(Layers is null ? "" : $" in the blocks {string.Join(", ", Layers)}")}.");
        if (sites.Select(site => site.Path.Part).Distinct().Count() > 1)
            throw new OptionsException($"{Kind.Name} stands in several parts of {model.Card.Name}: {string.Join(", ", sites.Select(site => $"'{site.Path.Part}'").Distinct())}. Name one.");
        return sites;
    }

    internal IReadOnlyList<PatchRow> Rows(IReadOnlyList<HookSite> sites, Func<HookSite, Tensor> value) =>
        [.. sites.SelectMany(site => RowsOf(site, value(site).shape))];

    internal IReadOnlyList<int> ColumnsOf(long[] shape) => Axes switch
    {
        PatchAxes.LayerToken or PatchAxes.HeadToken => Chosen(Size(shape, Core.Axis.Token, Core.Axis.Patch, Core.Axis.Query)),
        PatchAxes.LayerHead => Chosen(Size(shape, Core.Axis.Head)),
        PatchAxes.LayerUnit => Chosen(Size(shape, Core.Axis.Neuron, Core.Axis.Model, Core.Axis.HeadWidth)),
        _ => [0],
    };

    internal SliceCell Cell(PatchRow row, int column, Tensor? donor) => Axes switch
    {
        PatchAxes.LayerToken or PatchAxes.HeadToken => new SliceCell(row.Site, donor) { Token = column, Head = row.Head },
        PatchAxes.LayerHead => new SliceCell(row.Site, donor) { Head = column },
        PatchAxes.LayerUnit => new SliceCell(row.Site, donor) { Unit = column },
        _ => new SliceCell(row.Site, donor),
    };

    private IEnumerable<PatchRow> RowsOf(HookSite site, long[] shape) => Axes == PatchAxes.HeadToken
        ? Enumerable.Range(0, Size(shape, Core.Axis.Head)).Select(head => new PatchRow(site, head, $"L{site.Path.Layer}H{head}"))
        : [new PatchRow(site, null, $"L{site.Path.Layer}")];

    private int[] Chosen(int size)
    {
        if (Columns is null) return [.. Enumerable.Range(0, size)];
        if (Columns.Where(column => column < 0 || column >= size).ToList() is { Count: > 0 } wrong)
            throw new OptionsException($"{Kind.Name} has {size} {Axes} columns (0 to {size - 1}); asked for: {string.Join(", ", wrong)}.");
        return [.. Columns];
    }

    private int Size(long[] shape, params ReadOnlySpan<Axis> axes)
    {
        for (var k = 1; k < shape.Length; k++)
            if (axes.Contains(Kind.Axes[k])) return (int)shape[k];
        throw new OptionsException($"{Kind.Name} ({string.Join(", ", Kind.Axes)}) cannot be cut as {Axes}; choose other axes.");
    }
}

/// <summary>One row of a table of changes.</summary>
internal sealed record PatchRow(HookSite Site, int? Head, string Label);
