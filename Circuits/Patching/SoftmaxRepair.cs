using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// AtP*'s repair for queries and keys: Σ ∂M/∂A · (A′ − A) with A′ the pattern recomputed with the donor's query (or with one donor's key
/// at a time). Scores with the donor's side come from the model itself, in one pass for all blocks, so scales, masks and rotations are its own.
/// </summary>
internal static class SoftmaxRepair
{
    // [layers, B, P, heads of the kind].
    internal static Tensor Effects(HookedModel model, ModelInput input, Settled settled, Recording donor, SiteKind kind, IReadOnlyList<HookSite> sites, ref double forwards)
    {
        HookSite At(SiteKind other, HookSite site) => other[site.Path.Layer].In(site.Path.Part);
        HookSite[] patterns = [.. sites.Select(site => At(Site.Pattern, site))];
        HookSite[] scores = [.. sites.Select(site => At(Site.AttnScores, site))];
        using var gradients = AttributionPatching.GradientsOf(model, input, settled, patterns, HookPlan.Empty);
        var other = kind == Site.Q ? Site.K : Site.Q;
        using var plain = model.Run(input, HookPlan.Empty.Keep(scores).Keep([.. sites.Select(site => At(other, site))]));
        var plan = HookPlan.Empty.Keep(scores);
        foreach (var site in sites)
            plan = plan.Edit(site, (_, _) => donor.Cache[site]).Edit(At(other, site), (_, _) => plain.Cache[At(other, site)]);
        using var crossed = model.Run(input, plan);
        forwards += 4;
        var effects = sites.Select((site, k) =>
        {
            var (score, replaced, gradient) = (plain.Cache[scores[k]], crossed.Cache[scores[k]], gradients[patterns[k]]);
            return kind == Site.Q
                ? (gradient * (replaced.softmax(-1) - score.softmax(-1))).sum(3L).transpose(1, 2)
                : Grouped(Keys(score, replaced, gradient), donor.Cache[site].shape[2]).transpose(1, 2);
        });
        return stack(effects);
    }

    // One key at a time: its column of the scores changes and every query's row is normalised anew. (A closed form from shares would lose
    // everything where one key holds nearly all attention.) [B, H, keys].
    private static Tensor Keys(Tensor score, Tensor replaced, Tensor gradient)
    {
        var before = (gradient * score.softmax(-1)).sum([2L, 3L]);
        var effects = Enumerable.Range(0, (int)score.shape[3]).Select(key =>
        {
            using var scope = NewDisposeScope();
            var crossed = score.clone();
            crossed.select(3, key).copy_(replaced.select(3, key));
            return ((gradient * crossed.softmax(-1)).sum([2L, 3L]) - before).MoveToOuterDisposeScope();
        });
        return stack(effects, 2);
    }

    // Query heads that share a key head are patched with it.
    private static Tensor Grouped(Tensor effects, long heads) =>
        effects.view(effects.shape[0], heads, effects.shape[1] / heads, effects.shape[2]).sum(2L);
}
