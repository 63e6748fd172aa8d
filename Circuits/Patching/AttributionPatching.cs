using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Attribution patching (Nanda 2023): the effect of every activation patch to first order, (donor − own) · ∂M/∂own, from two passes and
/// one backward pass for all nodes at once; exact where the model is linear. With the repairs of AtP* (Kramár et al. 2024) on request.
/// </summary>
public static class AttributionPatching
{
    /// <summary>Estimates the effect of patching every node of some kinds of place. Dispose the result.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="kinds">The kinds of place, such as <see cref="Site.Z"/> and <see cref="Site.MlpOut"/>.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="direction">Which run would be changed: gradients are taken on it.</param>
    /// <param name="options">The repairs; null: none.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="NotApplicableException">The model has no such places.</exception>
    public static AttributionPatches Run(HookedModel model, ModelInput clean, ModelInput corrupt, IReadOnlyList<SiteKind> kinds, Target? target = null,
        PatchDirection direction = PatchDirection.Noise, AtpOptions? options = null, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(kinds);
        ArgumentNullException.ThrowIfNull(clean);
        ArgumentNullException.ThrowIfNull(corrupt);
        options ??= new AtpOptions();
        target ??= new ChosenClass(model.Card.Labels);
        PatchPair.CheckShapes(clean, corrupt);
        using var scope = NewDisposeScope();
        var sites = kinds.ToDictionary(kind => kind, kind => new PatchGrid(kind, PatchAxes.Layer) { Part = part }.Sites(model));
        HookSite[] all = [.. sites.Values.SelectMany(list => list)];
        var (input, giving) = direction == PatchDirection.Noise ? (clean, corrupt) : (corrupt, clean);
        // The differentiated pass also gives the values that are changed: two passes and one backward are all it takes. The corrupted run's
        // answer is not asked for.
        var kept = HookPlan.Empty.Keep(all);
        var orders = model.Points.ToDictionary(point => point.Site, point => point.Order);
        using var donor = model.Run(giving, direction == PatchDirection.Noise ? kept.StopAfter(all.MaxBy(site => orders[site])) : target.Ask(kept));
        using var own = model.Run(input, target.AskForGradients(HookPlan.Empty.WithGradients(all)));
        using var graph = enable_grad();
        var settled = new Settled(target, direction == PatchDirection.Noise ? own : donor, (int)target.Of(own).shape[0]);
        Tensor Difference(HookSite site) => donor.Cache[site] - own.Cache[site].detach();
        var forwards = 3.0;
        var effects = new Dictionary<SiteKind, Tensor>();
        foreach (var (site, effect) in options.DropGradients ? Dropped(model, input, settled, all, Difference, ref forwards) : Plain(own, settled, all, Difference))
            effects[site.Kind] = effects.TryGetValue(site.Kind, out var before) ? cat([before, effect.unsqueeze(0)], 0) : effect.unsqueeze(0);
        if (options.FixAttention)
            foreach (var kind in kinds.Where(kind => kind == Site.Q || kind == Site.K))
            {
                var repaired = SoftmaxRepair.Effects(model, input, settled, donor, kind, sites[kind], ref forwards);
                effects[kind] = options.DropGradients ? repaired.abs() : repaired;
            }
        return new AttributionPatches(effects, sites.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<int>)[.. pair.Value.Select(site => site.Path.Layer)]),
            model.LayoutOf(input), settled.Name, forwards);
    }

    internal static ActivationCache GradientsOf(HookedModel model, ModelInput input, Settled settled, HookSite[] sites, HookPlan plan)
    {
        using var recording = model.Run(input, settled.Target.AskForGradients(plan.WithGradients(sites)));
        using var graph = enable_grad();
        using var sum = settled.Of(recording).sum();
        return recording.Cache.Gradients(sum);
    }

    // Places in forward order with their effects, summed over the last axis.
    private static List<(HookSite Site, Tensor Effect)> Plain(Recording own, Settled settled, HookSite[] sites, Func<HookSite, Tensor> difference)
    {
        using var gradients = own.Cache.Gradients(settled.Of(own).sum());
        return Effects(gradients, sites, difference);
    }

    private static List<(HookSite Site, Tensor Effect)> Effects(ActivationCache gradients, HookSite[] sites, Func<HookSite, Tensor> difference) =>
        [.. sites.Select(site => (site, (difference(site) * gradients[site]).sum(-1L)))];

    // Mean magnitude over the blocks whose contribution was blocked, a node's own block excepted.
    private static List<(HookSite Site, Tensor Effect)> Dropped(HookedModel model, ModelInput input, Settled settled, HookSite[] sites, Func<HookSite, Tensor> difference, ref double forwards)
    {
        var blocks = sites.Select(site => site.Path.Part).Distinct().SelectMany(part => model.Points.Where(point => point.Kind == Site.AttnOut && point.Site.Path.Part == part)).ToList();
        if (blocks.Count < 2) throw new NotApplicableException($"Dropping gradients block by block needs at least two blocks; {model.Card.Name} has {blocks.Count}.");
        var sums = sites.Select(site => difference(site).sum(-1L).zeros_like()).ToArray();
        foreach (var block in blocks.Select(point => point.Site))
        {
            using var scope = NewDisposeScope();
            var plan = HookPlan.Empty.Edit(point => point.Site.Path == block.Path && (point.Kind == Site.AttnOut || point.Kind == Site.MlpOut), (value, _) => value.detach());
            using var gradients = GradientsOf(model, input, settled, sites, plan);
            forwards += 2;
            var effects = Effects(gradients, sites, difference);
            for (var k = 0; k < sites.Length; k++)
                if (sites[k].Path.Layer != block.Path.Layer) sums[k].add_(effects[k].Effect.abs());
        }
        return [.. sites.Select((site, k) => (site, sums[k] / (blocks.Count - 1)))];
    }
}
