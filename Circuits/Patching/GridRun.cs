using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Tries every cell of a grid on one batch: the part that patching and ablation share.</summary>
internal static class GridRun
{
    internal static PatchTable Measure(HookedModel model, ModelInput input, Recording plain, Settled settled, PatchGrid grid, Func<HookSite, Tensor?> donor, PatchOptions options)
    {
        var sites = grid.Sites(model);
        var rows = grid.Rows(sites, site => plain.Cache[site]);
        var columns = grid.ColumnsOf(plain.Cache[sites[0]].shape);
        var cells = rows.SelectMany(row => columns.Select(column => (PatchCell)grid.Cell(row, column, donor(row.Site)))).ToList();
        var values = new PatchRunner(model, input, plain, settled, options).Run(cells);
        var layout = grid.Axes is PatchAxes.LayerToken or PatchAxes.HeadToken ? model.LayoutOf(input) : null;
        using var before = settled.Of(plain);
        return new PatchTable
        {
            Title = grid.Kind.Name,
            Target = settled.Name,
            RowLabels = [.. rows.Select(row => row.Label)],
            ColumnLabels = [.. columns.Select(column => Label(grid.Axes, layout, column))],
            Before = [.. Numbers.Of(before).Select(value => (double)value)],
            After = [.. values.Chunk(columns.Count)],
            Forwards = settled.Examples * (2 + cells.Sum(cell => Share(model, cell.Site, options))),
        };
    }

    // The part of a pass that lies behind the place, counted in blocks.
    internal static double Share(HookedModel model, HookSite site, PatchOptions options)
    {
        if (!options.SharePrefix || site.Path.Layer < 0) return 1;
        var blocks = model.Points.Count(point => point.CanStart && point.Site.Path.Part == site.Path.Part);
        return blocks == 0 ? 1 : (double)(blocks - site.Path.Layer) / blocks;
    }

    private static string Label(PatchAxes axes, TokenLayout? layout, int column) => axes switch
    {
        PatchAxes.LayerToken or PatchAxes.HeadToken => TokenNames.Of(layout, column),
        PatchAxes.LayerHead => $"H{column}",
        PatchAxes.LayerUnit => $"{column}",
        _ => "all",
    };
}
