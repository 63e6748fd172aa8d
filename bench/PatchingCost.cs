using Prisma.Circuits;
using Prisma.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Bench;

/// <summary>
/// What patching all heads of a ViT-B/16 costs on one picture: attribution patching against one forward pass, and activation patching of all
/// 144 heads against one whole pass per head. Stands alone: needs no Python.
/// </summary>
internal static class PatchingCost
{
    internal const string Verb = "patching";

    private const int Layers = 12, Heads = 12, Batch = 16, Width = 768, Tokens = 197;

    // Of a block's operations per token, 12 d² in its matrices and 2 n d in its attention: those behind the heads' results, 9 d².
    private const double BehindHeads = 9.0 * Width / (12 * Width + 2 * Tokens);

    public static int Run(string[] arguments)
    {
        var options = Options.Parse(arguments, [Verb]);
        torch.set_num_threads(options.Threads);
        Machine.CountsCpu = options.Cpu;
        Console.WriteLine(Machine.Describe());
        using var scope = NewDisposeScope();
        using var model = Subject.VitBase(patch: 16);
        var clean = tensor(Subject.Pixels(1), [1, 3, 224, 224]);
        var corrupt = clean.roll(7, 3);
        var missed = 0;
        foreach (var row in Rows(model, clean, corrupt, options.Rounds))
        {
            Console.WriteLine(row);
            missed += row.Holds ? 0 : 1;
        }
        return missed == 0 ? 0 : 1;
    }

    private static IEnumerable<Row> Rows(HookedModel model, Tensor clean, Tensor corrupt, int rounds)
    {
        var target = new ClassLogit(1);
        yield return Row.Of("attribution patching of 144 heads / one forward", Comparison.ByTurns(rounds,
            () => Machine.Timed(() => AttributionPatching.Run(model, clean, corrupt, [Site.Z], target).Dispose()),
            () => Machine.Timed(() => model.Run(clean, HookPlan.Empty).Dispose())), limit: 3.5);
        yield return Row.Of("patching 144 heads together / one pass per head", Comparison.ByTurns(Math.Max(1, rounds / 3),
            () => Machine.Timed(() => ActivationPatching.Run(model, clean, corrupt, new PatchGrid(Site.Z, PatchAxes.LayerHead), target, PatchDirection.Noise)),
            () => Machine.Timed(() => OneByOne(model, clean, corrupt))), limit: 1 / 1.8, unit: "s", scale: 1);
        // What must be computed anew for a head of a layer: the layer's output projection and MLP, and all later layers.
        var (pictures, share) = (Layers * Heads, Enumerable.Range(0, Layers).Average(layer => (Layers - 1 - layer + BehindHeads) / Layers));
        var whole = (int)Math.Round(pictures * share);
        yield return Row.Of($"patching {pictures} heads together / its floor: the operations of {whole} whole passes, in batches", Comparison.ByTurns(Math.Max(1, rounds / 3),
            () => Machine.Timed(() => ActivationPatching.Run(model, clean, corrupt, new PatchGrid(Site.Z, PatchAxes.LayerHead), target, PatchDirection.Noise)),
            () => Machine.Timed(() => Batches(model, clean, whole))), limit: 1.15, unit: "s", scale: 1);
    }

    private static void Batches(HookedModel model, Tensor clean, int pictures)
    {
        for (var first = 0; first < pictures; first += Batch)
            using (var some = clean.expand(Math.Min(Batch, pictures - first), 3, 224, 224).contiguous())
                model.Run(some, HookPlan.Empty).Dispose();
    }

    private static void OneByOne(HookedModel model, Tensor clean, Tensor corrupt)
    {
        using var donor = model.Run(corrupt, HookPlan.Empty.Keep(Site.Z, ..));
        for (var layer = 0; layer < Layers; layer++)
            for (var head = 0; head < Heads; head++)
            {
                var (site, one) = (Site.Z[layer], head);
                model.Run(clean, HookPlan.Empty.Edit(site, (z, _) =>
                {
                    var changed = z.clone();
                    changed.select(2, one).copy_(donor.Cache[site].select(2, one));
                    return changed;
                })).Dispose();
            }
    }
}
