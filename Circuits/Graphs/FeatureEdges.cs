using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The edges of a feature circuit: vector–Jacobian products between places, with every coder's place in between cut off.</summary>
internal static class FeatureEdges
{
    // A coder of the whole stream lets nothing pass from before it; one of a branch only stops what goes through the branch.
    internal static IReadOnlyList<FeatureEdge> Find(HookedModel model, ModelInput clean, PatchPair pair, IReadOnlyList<CodedPlace> places, IReadOnlyList<Tensor> slopes,
        IReadOnlyList<FeatureNode> nodes, FeatureCircuitOptions options)
    {
        var edges = new List<FeatureEdge>();
        var done = 0;
        for (var later = 1; later < places.Count; later++)
            for (var earlier = later - 1; earlier >= 0; earlier--)
            {
                foreach (var edge in Between(model, clean, pair, places, earlier, later, slopes[later], nodes))
                    if (Math.Abs(edge.Weight) > options.EdgeThreshold) edges.Add(edge);
                options.Progress?.Report(++done);
                if (IsStream(places[earlier].Site.Kind)) break;
            }
        return [.. edges.OrderByDescending(edge => Math.Abs(edge.Weight))];
    }

    private static bool IsStream(SiteKind kind) => kind == Site.ResidPre || kind == Site.ResidMid || kind == Site.ResidPost || kind == Site.FullEmbed || kind == Site.LnPre;

    private static List<FeatureEdge> Between(HookedModel model, ModelInput clean, PatchPair pair, IReadOnlyList<CodedPlace> places, int earlier, int later, Tensor slope, IReadOnlyList<FeatureNode> nodes)
    {
        using var scope = NewDisposeScope();
        var (from, to) = (places[earlier], places[later]);
        var (sources, targets) = (nodes.Where(node => node.Site == from.Site).ToList(), nodes.Where(node => node.Site == to.Site).ToList());
        var edges = new List<FeatureEdge>();
        if (sources.Count == 0 || targets.Count == 0) return edges;
        HookSite[] kept = [.. new[] { from.Site, to.Placement.Reads, to.Site }.Distinct()];
        var plan = HookPlan.Empty.WithGradients(kept).StopAfter(to.Site);
        for (var k = earlier + 1; k < later; k++) plan = plan.Edit(places[k].Site, (value, _) => value.detach());
        using var recording = model.Run(clean, plan);
        foreach (var target in targets)
        {
            using var inner = NewDisposeScope();
            if (Reached(recording, from, Readings(to, target, slope)) is not { } reached) continue;
            var own = from.Placement.Own(reached);
            foreach (var source in sources)
            {
                using var innermost = NewDisposeScope();
                var weight = source.Feature < 0
                    ? (reached * (source.IsSkip ? from.Skipped! : from.Error)).sum()
                    : (own.matmul(from.Coder.Directions[source.Feature]) * from.Features.select(2, source.Feature)).sum();
                edges.Add(new FeatureEdge(source, target, weight.item<float>() / pair.Settled.Examples));
            }
        }
        return edges;
    }

    // The sum of what all readings pull at the earlier place; null where none depends on it.
    private static Tensor? Reached(Recording recording, CodedPlace from, IReadOnlyList<(HookSite Site, Tensor Slope)> readings)
    {
        var found = readings.Where(reading => recording.Cache[reading.Site].requires_grad).ToList();
        return found.Count == 0 ? null : autograd.grad([.. found.Select(reading => recording.Cache[reading.Site])], [recording.Cache[from.Site]], [.. found.Select(reading => reading.Slope)], retain_graph: true, allow_unused: true)[0];
    }

    // The slope of the target by the node, times that of the node by the values of its coder's places: [B, P, d]. An active feature reads along its detector, a skip
    // connection by its matrix; the error is the written value without what they write.
    private static List<(HookSite Site, Tensor Slope)> Readings(CodedPlace place, FeatureNode node, Tensor slope)
    {
        var own = place.Placement.Own(slope);
        var (directions, detectors, reads) = (place.Coder.Directions, place.Coder.Detectors, place.Placement.Reads);
        if (node.Feature >= 0)
        {
            var effect = own.matmul(directions[node.Feature]) * place.Active.select(2, node.Feature);
            return [(reads, CodedPlace.Whole(place.Placement, effect.unsqueeze(-1) * detectors[node.Feature], slope))];
        }
        if (node.IsSkip) return [(reads, CodedPlace.Whole(place.Placement, own.matmul(place.Skip!), slope))];
        var explained = (own.matmul(directions.t()) * place.Active).matmul(detectors);
        if (place.Skip is { } skip) explained += own.matmul(skip);
        var taken = CodedPlace.Whole(place.Placement, explained, slope);
        return reads == place.Site ? [(reads, slope - taken)] : [(place.Site, slope), (reads, taken.neg())];
    }
}
