using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Measures a target under many single changes of one batch. Changes are sorted by their place and share passes along the batch axis; each
/// pass starts at the last block before its first change, from the stream that the unchanged pass left there.
/// </summary>
internal sealed class PatchRunner
{
    // Rows that use two cores about as well as more do.
    private const int FullEnough = 8;

    private readonly HookedModel _model;
    private readonly ModelInput _input;
    private readonly Recording _plain;
    private readonly Settled _settled;
    private readonly PatchOptions _options;

    /// <param name="model">The model.</param>
    /// <param name="input">The batch that is changed. Borrowed.</param>
    /// <param name="plain">An unchanged pass of it under <see cref="Ask"/>. Borrowed.</param>
    /// <param name="settled">The target.</param>
    /// <param name="options">Rows and progress.</param>
    internal PatchRunner(HookedModel model, ModelInput input, Recording plain, Settled settled, PatchOptions options)
    {
        options.Check();
        (_model, _input, _plain, _settled, _options) = (model, input, plain, settled, options);
    }

    /// <summary>What the unchanged pass must keep.</summary>
    internal static HookPlan Ask(HookedModel model, HookPlan plan, PatchOptions options) =>
        options.SharePrefix && model.Points.Any(point => point.CanStart) ? plan.Keep(point => point.CanStart) : plan;

    /// <summary>The target with each change made alone: [changes, B].</summary>
    internal float[][] Run(IReadOnlyList<PatchCell> cells)
    {
        var orders = _model.Points.ToDictionary(point => point.Site, point => point.Order);
        var sorted = Enumerable.Range(0, cells.Count).OrderBy(k => orders[cells[k].Site]).ToArray();
        var results = new float[cells.Count][];
        var done = 0;
        foreach (var group in Groups(sorted, k => StartOf(orders[cells[k].Site], cells[k].Site.Path.Part)?.Site))
        {
            _options.Stop.ThrowIfCancellationRequested();
            var values = Pass([.. group.Select(k => cells[k])], orders);
            for (var k = 0; k < group.Length; k++) results[group[k]] = values[k];
            _options.Progress?.Report(done += group.Length);
        }
        return results;
    }

    // Changes that could start at a later block do not join a pass that is full enough: it would repeat the blocks in between for them.
    private List<int[]> Groups(int[] sorted, Func<int, HookSite?> start)
    {
        var (most, enough) = (Math.Max(1, _options.Rows / _settled.Examples), Math.Max(1, FullEnough / _settled.Examples));
        var (groups, group) = (new List<int[]>(), new List<int>());
        foreach (var k in sorted)
        {
            if (group.Count == most || (_options.SharePrefix && group.Count >= enough && start(k) != start(group[0])))
            {
                groups.Add([.. group]);
                group.Clear();
            }
            group.Add(k);
        }
        if (group.Count > 0) groups.Add([.. group]);
        return groups;
    }

    private HookPoint? StartOf(int order, string part) => _model.Points.LastOrDefault(point => point.CanStart && point.Order <= order && point.Site.Path.Part == part);

    private float[][] Pass(IReadOnlyList<PatchCell> cells, Dictionary<HookSite, int> orders)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var examples = _settled.Examples;
        var plan = Given(Start(cells, orders), cells);
        foreach (var here in cells.Select((cell, row) => (Cell: cell, Row: row)).GroupBy(pair => pair.Cell.Site))
            plan = plan.Edit(here.Key, (value, _) =>
            {
                var changed = value.clone();
                foreach (var (cell, row) in here) cell.Write(changed.narrow(0, row * examples, examples));
                return changed;
            });
        using var recording = _model.Run(Copies.Of(_input, examples, cells.Count), _settled.Target.Ask(plan));
        var values = Numbers.Of(_settled.Of(recording));
        return [.. Enumerable.Range(0, cells.Count).Select(row => values[(row * examples)..((row + 1) * examples)])];
    }

    // What heads read is known from the unchanged pass: where only that is changed, the attention before it is not formed anew.
    private HookPlan Given(HookPlan plan, IReadOnlyList<PatchCell> cells)
    {
        var site = cells[0].Site;
        return _options.SharePrefix && site.Kind == Site.Z && cells.All(cell => cell.Site == site) && _plain.Cache.Contains(site)
            ? plan.Give(site, Copies.Of(_plain.Cache[site], cells.Count))
            : plan;
    }

    // The last start before the first change, and not behind the place that the target is read at.
    private HookPlan Start(IReadOnlyList<PatchCell> cells, Dictionary<HookSite, int> orders)
    {
        var parts = cells.Select(cell => cell.Site.Path.Part).Distinct().ToList();
        if (!_options.SharePrefix || parts.Count > 1) return HookPlan.Empty;
        var first = cells.Min(cell => orders[cell.Site]);
        if (_settled.Target.ReadsAt is { } read)
            first = Math.Min(first, _model.Points.Where(point => point.Kind == read.Kind && point.Site.Path.Layer == read.Path.Layer).Min(point => point.Order));
        var start = StartOf(first, parts[0]);
        return start is null ? HookPlan.Empty : HookPlan.Empty.StartAt(start.Site, Copies.Of(_plain.Cache[start.Site], cells.Count));
    }
}
