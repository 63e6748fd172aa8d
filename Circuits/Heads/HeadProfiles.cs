using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Measures what every attention head of a vision model looks at, from its patterns on many pictures.</summary>
public static class HeadProfiles
{
    /// <summary>One profile for each head, in forward order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batches">Pictures of one size; 200 or more for steady numbers. Borrowed one after another.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="NotApplicableException">The tokens have no place on a picture, or attention does not run over all of them.</exception>
    public static IReadOnlyList<HeadProfile> Measure(HookedModel model, IEnumerable<ModelInput> batches, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var sites = new PatchGrid(Site.Pattern, PatchAxes.Layer) { Part = part }.Sites(model);
        var sums = sites.Select(_ => new PatternSums()).ToArray();
        TokenLayout? layout = null;
        foreach (var batch in batches)
        {
            using var inner = NewDisposeScope();
            var here = model.LayoutOf(batch) ?? throw new NotApplicableException($"Head profiles do not apply: the tokens of {model.Card.Name} have no place on a picture.");
            if ((layout ??= here) != here) throw new OptionsException("The pictures differ in size; measure one size at a time.");
            if (here.Frames != 1) throw new NotApplicableException("Head profiles do not apply to videos.");
            using var recording = model.Run(batch, HookPlan.Empty.Keep([.. sites]).StopAfter(sites[^1]));
            for (var k = 0; k < sites.Count; k++)
            {
                var pattern = recording.Cache[sites[k]];
                if (pattern.shape[2] != here.Tokens || pattern.shape[3] != here.Tokens)
                    throw new NotApplicableException($"Head profiles do not apply: {sites[k]} is [{string.Join(", ", pattern.shape)}], the picture has {here.Tokens} tokens.");
                sums[k].Add(pattern, here);
            }
        }
        if (layout is null) throw new OptionsException("There are no pictures to look at.");
        return [.. sites.SelectMany((site, k) => sums[k].Profiles(site.Path.Layer, layout))];
    }

    /// <summary>The profiles of given patterns [B, H, P, P].</summary>
    public static IReadOnlyList<HeadProfile> Of(Tensor patterns, TokenLayout layout, int layer = 0)
    {
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = NewDisposeScope();
        var sums = new PatternSums();
        sums.Add(patterns, layout);
        return [.. sums.Profiles(layer, layout)];
    }
}
