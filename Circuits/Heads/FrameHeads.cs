using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Where a head of a video model looks in time, mean over clips. Queries are tokens with a place; shares are of their attention to such tokens.</summary>
public sealed record FrameHead
{
    /// <summary>The block.</summary>
    public required int Layer { get; init; }

    /// <summary>The head.</summary>
    public required int Head { get; init; }

    /// <summary>Share on the own time step.</summary>
    public required double Same { get; init; }

    /// <summary>Share on the step before, over steps that have one.</summary>
    public required double Previous { get; init; }

    /// <summary>Share on the step after, over steps that have one.</summary>
    public required double Next { get; init; }

    /// <summary>Share on the same place in other steps.</summary>
    public required double SamePlace { get; init; }

    /// <summary>Mean distance in steps, over that of even attention: below 1 is local in time.</summary>
    public required double Distance { get; init; }

    /// <summary>What kind of head this is, by <see cref="FrameHeads.Rules"/>.</summary>
    public string Kind => FrameHeads.Of(this);
}

/// <summary>Measures which heads of a video model look at the previous frame, the own one, or the same place at other times.</summary>
public static class FrameHeads
{
    private static readonly (string Kind, string Rule, Func<FrameHead, bool> Fits)[] s_rules =
    [
        ("previous-frame", "more than half on the step before", head => head.Previous > 0.5),
        ("next-frame", "more than half on the step after", head => head.Next > 0.5),
        ("same-place", "more than half on the same place in other steps", head => head.SamePlace > 0.5),
        ("same-frame", "more than 0.8 on the own step", head => head.Same > 0.8),
        ("near-frames", "looks at most 0.6 as far in time as even attention", head => head.Distance < 0.6),
    ];

    /// <summary>The rules in words, in the order they are tried.</summary>
    public static IReadOnlyList<(string Kind, string Rule)> Rules => [.. s_rules.Select(rule => (rule.Kind, rule.Rule)), ("all-frames", "none of these")];

    internal static string Of(FrameHead head) => s_rules.FirstOrDefault(rule => rule.Fits(head)).Kind ?? "all-frames";

    /// <summary>One measurement for each head, in forward order.</summary>
    /// <param name="model">A model of clips whose attention runs over all tokens of a clip.</param>
    /// <param name="batches">Clips of one size. Borrowed one after another.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="NotApplicableException">The input has one time step only, or attention runs over space and time apart.</exception>
    public static IReadOnlyList<FrameHead> Measure(HookedModel model, IEnumerable<ModelInput> batches, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var sites = new PatchGrid(Site.Pattern, PatchAxes.Layer) { Part = part }.Sites(model);
        var (sums, clips) = (new Tensor?[sites.Count], 0L);
        TokenLayout? layout = null;
        foreach (var batch in batches)
        {
            using var inner = NewDisposeScope();
            var here = model.LayoutOf(batch) is { Frames: > 1 } found ? found : throw new NotApplicableException($"Heads in time do not apply: {model.Card.Name} sees one time step here.");
            if ((layout ??= here) != here) throw new OptionsException("The clips differ in size; measure one size at a time.");
            using var recording = model.Run(batch, HookPlan.Empty.Keep([.. sites]).StopAfter(sites[^1]));
            for (var k = 0; k < sites.Count; k++)
            {
                var pattern = recording.Cache[sites[k]];
                if (pattern.shape[2] != here.Tokens || pattern.shape[3] != here.Tokens)
                    throw new NotApplicableException($"Heads in time do not apply: {sites[k]} is [{string.Join(", ", pattern.shape)}], the clip has {here.Tokens} tokens; attention must run over all of them.");
                var sum = pattern.to(float64).sum(0L);
                if (k == 0) clips += pattern.shape[0];
                sums[k] = (sums[k] is { } before ? before + sum : sum).MoveToOtherDisposeScope(scope);
            }
        }
        if (layout is null) throw new OptionsException("There are no clips to look at.");
        return [.. sites.SelectMany((site, k) => Heads(sums[k]! / clips, layout, site.Path.Layer))];
    }

    /// <summary>The measurements of given patterns [B, H, P, P].</summary>
    public static IReadOnlyList<FrameHead> Of(Tensor patterns, TokenLayout layout, int layer = 0)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = NewDisposeScope();
        return [.. Heads(patterns.to(float64).mean([0]), layout, layer)];
    }

    private static List<FrameHead> Heads(Tensor mean, TokenLayout layout, int layer)
    {
        var grid = mean.narrow(1, layout.Prefix, layout.GridTokens).narrow(2, layout.Prefix, layout.GridTokens);
        grid = grid / grid.sum(-1, keepdim: true);
        var numbers = grid.contiguous().cpu().data<double>().ToArray();
        var places = Enumerable.Range(layout.Prefix, layout.GridTokens).Select(token => layout.PlaceOf(token)!.Value).ToArray();
        var count = layout.GridTokens;
        return [.. Enumerable.Range(0, (int)mean.shape[0]).Select(head =>
        {
            double same = 0, previous = 0, next = 0, place = 0, distance = 0, even = 0;
            for (var q = 0; q < count; q++)
                for (var s = 0; s < count; s++)
                {
                    var share = numbers[(head * count + q) * count + s];
                    var step = places[s].Frame - places[q].Frame;
                    if (step == 0) same += share;
                    else if (places[s].Row == places[q].Row && places[s].Column == places[q].Column) place += share;
                    if (step == -1) previous += share;
                    if (step == 1) next += share;
                    distance += Math.Abs(step) * share;
                    even += (double)Math.Abs(step) / count;
                }
            // The first step has none before it, the last none after.
            var inner = (double)count * (layout.Frames - 1) / layout.Frames;
            return new FrameHead { Layer = layer, Head = head, Same = same / count, Previous = previous / inner, Next = next / inner, SamePlace = place / count, Distance = distance / even };
        })];
    }
}
