using Prisma.Core;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>
/// What keeping every place of a ViT-B/16 takes in memory: the most resident bytes that a recording adds, against the bytes of the tensors that were
/// asked for plus what a pass that keeps nothing takes at its peak, which is one layer's working set. Tensors that share memory make it less.
/// </summary>
internal static class CacheMemory
{
    public const string Verb = "cache-memory";

    private const int Batch = 8;

    public static int Run(string[] arguments)
    {
        var options = Options.Parse(arguments, [Verb]);
        torch.set_num_threads(options.Threads);
        Console.WriteLine(Machine.Describe());
        using var scope = torch.NewDisposeScope();
        using var model = Subject.VitBase(patch: 16);
        var pixels = torch.tensor(Subject.Pixels(Batch), [Batch, 3, 224, 224]);
        model.Run(pixels, HookPlan.Empty).Dispose();
        var missed = 0;
        foreach (var (what, plan) in new (string, HookPlan)[]
        {
            ("residual streams", HookPlan.Empty.Keep(Site.ResidPre, ..).Keep(Site.ResidMid, ..).Keep(Site.ResidPost, ..)),
            ("every place that needs no switching on", HookPlan.Empty.Keep(point => !point.OnDemand)),
            ("every place", HookPlan.Empty.Keep("*")),
        })
        {
            var (plain, _) = Peak(() => model.Run(pixels, HookPlan.Empty));
            var (added, asked) = Peak(() => model.Run(pixels, plan));
            var row = new Row($"memory keeping {what}",
                FormattableString.Invariant($"{added / 1e6:0} MB at most, {asked / 1e6:0} MB asked for, {plain / 1e6:0} MB for a pass that keeps nothing"),
                (double)added / (asked + plain), Limit: 1.05);
            Console.WriteLine(row);
            missed += row.Holds ? 0 : 1;
        }
        return missed == 0 ? 0 : 1;
    }

    // Linux counts the peak anew once it is told so.
    private static (long Added, long Asked) Peak(Func<Recording> run)
    {
        GC.Collect();
        File.WriteAllText("/proc/self/clear_refs", "5");
        var before = Machine.ResidentBytes();
        using var recording = run();
        var added = Machine.PeakResidentBytes() - before;
        return (added, recording.Cache.Sites.Sum(site => recording.Cache[site].numel() * recording.Cache[site].element_size()));
    }
}
