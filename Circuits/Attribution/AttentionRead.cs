using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What methods on attention patterns share.</summary>
internal static class AttentionRead
{
    /// <summary>The patterns [B, H, P, P] of a range of blocks over all tokens, in forward order.</summary>
    internal static IReadOnlyList<Tensor> Patterns(AttributionTask task, int first, int last) => [.. Kept(task, first, last).Select(pattern => Checked(task, pattern))];

    /// <summary>The same of one stack, [B·rows, H, tokens, tokens], heads fused.</summary>
    internal static IReadOnlyList<Tensor> Fused(AttributionTask stack, int first, int last) => [.. Kept(stack, first, last).Select(pattern =>
    {
        using (pattern) return Fuse(Checked(stack, pattern, stack.Shape), stack.Options.Fusion, stack.Options.Head);
    })];

    private static IReadOnlyList<Tensor> Kept(AttributionTask task, int first, int last)
    {
        var sites = Enumerable.Range(first, last - first + 1).Select(layer => task.Place(Site.Pattern, layer)).ToArray();
        var plan = HookPlan.Empty.Keep(sites).StopAfter(task.Place(Site.Pattern, last));
        using var recording = task.Model.Run(task.Input, plan);
        return [.. sites.Select(recording.Cache.Take)];
    }

    /// <summary>One map over all tokens [B, P, P] for each time that tokens are mixed, heads fused, in forward order; two for a block whose attention is divided.</summary>
    internal static IReadOnlyList<Tensor> Mixings(AttributionTask task, int last)
    {
        var (fusion, head) = (task.Options.Fusion, task.Options.Head);
        if (!DividedAttention.Is(task)) return Fused(task, 0, last);
        var layers = Enumerable.Range(0, last + 1);
        HookSite[] sites = [.. layers.SelectMany(layer => new[] { task.Place(Site.TemporalPattern, layer), task.Place(Site.Pattern, layer) })];
        using var recording = task.Model.Run(task.Input, HookPlan.Empty.Keep(sites).StopAfter(sites[^1]));
        return [.. sites.Select(site =>
        {
            using var fused = Fuse(recording.Cache[site], fusion, head);
            return site.Kind == Site.TemporalPattern ? DividedAttention.OverTime(fused, task.Layout) : DividedAttention.OverSpace(fused, task.Layout);
        })];
    }

    /// <summary>Refuses patterns that do not run over all tokens of the layout, such as those of attention over time or space alone.</summary>
    internal static Tensor Checked(AttributionTask task, Tensor pattern) => Checked(task, pattern, (1, task.Layout.Tokens));

    private static Tensor Checked(AttributionTask task, Tensor pattern, (int Rows, int Tokens) needed)
    {
        var (rows, tokens, shape) = (task.Examples * needed.Rows, needed.Tokens, pattern.shape);
        if (shape.Length != 4 || shape[0] != rows || shape[2] != tokens || shape[3] != tokens)
            throw task.NotApplicable($"the attention pattern is [{string.Join(", ", shape)}], needed is [{rows}, heads, {tokens}, {tokens}]");
        return pattern;
    }

    /// <summary>[B, H, P, P] to [B, P, P].</summary>
    internal static Tensor Fuse(Tensor pattern, HeadFusion fusion, int? head = null)
    {
        if (head is { } one)
            return one < pattern.shape[1] ? pattern.select(1, one) : throw new OptionsException($"There is no head {one}; the model has {pattern.shape[1]} (0 to {pattern.shape[1] - 1}).");
        return fusion switch
        {
            HeadFusion.Max => pattern.amax([1L]),
            HeadFusion.Min => pattern.amin([1L]),
            _ => pattern.mean([1]),
        };
    }

    /// <summary>[B, P, P] to [B, P]: the row of the token that the answer is read from, or the mean over the rows of the grid.</summary>
    internal static Tensor Row(AttributionTask task, Tensor map) => task.ReadToken is { } token
        ? map.select(1, token)
        : map.narrow(1, task.Layout.Prefix, task.Layout.GridTokens).mean([1]);

    /// <summary>
    /// The same through all stacks, one map for each: what the answer's token takes from each time step times what that step's first token,
    /// which is what the next stack reads, takes from the patch.
    /// </summary>
    internal static Tensor Row(AttributionTask task, IReadOnlyList<Tensor> maps)
    {
        if (!task.IsStepwise) return Row(task, maps[0]);
        var (layout, clip) = (task.Layout, task.Stacks[1]);
        var steps = maps[0].select(1, 0).narrow(1, 1, task.Shape.Tokens - 1).reshape(-1, layout.Frames, layout.Rows * layout.Columns);
        return (Row(clip, maps[1]).narrow(1, 1, layout.Frames).unsqueeze(2) * steps).flatten(1);
    }

    internal static string RowNote(AttributionTask task) => task.IsStepwise
        ? "What the answer's token takes from each time step, times what the first token of that step takes from the patch."
        : task.ReadToken is { } token
        ? $"Row of token {token}, from which the answer is read."
        : "The answer is read from no single token: mean over the rows of all patches.";
}
