using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What trying a grid costs, before it is tried.</summary>
public static class GridSize
{
    /// <summary>Passes of one example for each example of the batch; a pass from a middle block counts as its share. Runs one example once to see the sizes.</summary>
    public static double Passes(HookedModel model, ModelInput input, PatchGrid grid, PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(grid);
        using var scope = NewDisposeScope();
        var sites = grid.Sites(model);
        using var recording = model.Run(Copies.First(input), HookPlan.Empty.Keep([.. sites]));
        var columns = grid.ColumnsOf(recording.Cache[sites[0]].shape).Count;
        return columns * grid.Rows(sites, site => recording.Cache[site]).Sum(row => GridRun.Share(model, row.Site, options ?? new PatchOptions()));
    }
}
