using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What a hypothesis says about a place: only the key of an example matters there.</summary>
/// <param name="Site">The place.</param>
/// <param name="Keys">One number per example of the batch; examples with the same one are exchangeable. All the same: nothing matters; all different: everything does.</param>
/// <param name="Head">One head of the place; all where null.</param>
public sealed record ScrubNode(HookSite Site, IReadOnlyList<int> Keys, int? Head = null);

/// <summary>How much of a behaviour a hypothesis leaves in place.</summary>
/// <param name="Model">The target of the unchanged model, mean over the examples.</param>
/// <param name="Scrubbed">With every node's value taken from an example with the same key.</param>
/// <param name="Random">With every node's value taken from any example.</param>
public sealed record ScrubScore(double Model, double Scrubbed, double Random)
{
    /// <summary>(scrubbed − random) / (model − random): 1 where the hypothesis explains it all.</summary>
    public double Recovered => (Scrubbed - Random) / (Model - Random);
}

/// <summary>
/// Causal scrubbing (Chan et al. 2022), one level deep: the values of all nodes of a hypothesis are replaced at once by those of random
/// examples that the hypothesis calls the same, each node drawing by itself, and the behaviour should stay. Values are recorded on whole
/// examples, not rebuilt recursively, and places that no node names are recomputed from what reaches them: name enough nodes to cut every way.
/// </summary>
public static class CausalScrubbing
{
    /// <summary>Tests a hypothesis on a batch.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch; donors come from it. Borrowed.</param>
    /// <param name="nodes">The hypothesis.</param>
    /// <param name="target">Null: the logit of the class that the model chose.</param>
    /// <param name="draws">Over how many draws of donors the result is averaged.</param>
    /// <param name="seed">Of the draws; both kinds draw the same, so that a hypothesis that says nothing scores 0.</param>
    /// <exception cref="OptionsException">There is no node, keys do not fit the batch, or nothing is lost by random donors.</exception>
    public static ScrubScore Of(HookedModel model, ModelInput input, IReadOnlyList<ScrubNode> nodes, Target? target = null, int draws = 10, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(nodes);
        if (nodes.Count == 0 || draws < 1) throw new OptionsException($"Causal scrubbing needs at least one node and one draw; {nodes.Count} and {draws} were given.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        target ??= new ChosenClass(model.Card.Labels);
        using var plain = model.Run(input, target.Ask(HookPlan.Empty.Keep([.. nodes.Select(node => node.Site).Distinct()])));
        var settled = new Settled(target, plain, (int)target.Of(plain).shape[0]);
        if (nodes.FirstOrDefault(node => node.Keys.Count != settled.Examples) is { } wrong)
            throw new OptionsException($"Causal scrubbing: {wrong.Site} has {wrong.Keys.Count} keys for {settled.Examples} examples.");
        double Mean(IReadOnlyList<ScrubNode> hypothesis)
        {
            var random = new Random((int)seed);
            return Enumerable.Range(0, draws).Average(_ => Draw(model, input, plain, settled, hypothesis, random));
        }
        var means = (Model: Numbers.Of(settled.Of(plain)).Average(), Scrubbed: Mean(nodes), Random: Mean([.. nodes.Select(node => node with { Keys = new int[settled.Examples] })]));
        if (means.Model == means.Random) throw new OptionsException("Causal scrubbing: random donors at these nodes change nothing, so there is nothing for a hypothesis to keep. Name other nodes.");
        return new ScrubScore(means.Model, means.Scrubbed, means.Random);
    }

    private static double Draw(HookedModel model, ModelInput input, Recording plain, Settled settled, IReadOnlyList<ScrubNode> nodes, Random random)
    {
        using var scope = NewDisposeScope();
        var plan = HookPlan.Empty;
        foreach (var site in nodes.GroupBy(node => node.Site))
        {
            var cells = site.Select(node => new SliceCell(node.Site, plain.Cache[node.Site].index_select(0, tensor(Donors(node.Keys, random)).to(plain.Cache[node.Site].device))) { Head = node.Head }).ToList();
            plan = plan.Edit(site.Key, (value, _) =>
            {
                var changed = value.clone();
                foreach (var cell in cells) cell.Write(changed);
                return changed;
            });
        }
        using var recording = model.Run(input, settled.Target.Ask(plan));
        return Numbers.Of(settled.Of(recording)).Average();
    }

    // For each example one with the same key, itself included.
    private static long[] Donors(IReadOnlyList<int> keys, Random random)
    {
        var groups = Enumerable.Range(0, keys.Count).ToLookup(k => keys[k]);
        return [.. keys.Select(key => (long)groups[key].ElementAt(random.Next(groups[key].Count())))];
    }
}
