using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What a hypothesis says about a place: only the key of an example matters there.</summary>
/// <param name="Site">The place.</param>
/// <param name="Keys">One number per example of the batch; examples with the same one are exchangeable. All the same: nothing matters; all different: everything does.</param>
/// <param name="Head">One head of the place; all where null.</param>
public sealed record ScrubNode(HookSite Site, IReadOnlyList<int> Keys, int? Head = null)
{
    /// <summary>
    /// What the hypothesis says about earlier places that this one is made from. Its value is then not that of a whole example but rebuilt: on the
    /// example that was drawn for it, with each of these places taken from an example that has the drawn one's key there, and so on downwards.
    /// </summary>
    public IReadOnlyList<ScrubNode> Inputs { get; init; } = [];
}

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
/// Causal scrubbing (Chan et al. 2022): the values of all nodes of a hypothesis are replaced at once by those of random examples that the
/// hypothesis calls the same, each node drawing by itself, and the behaviour should stay. Nodes with <see cref="ScrubNode.Inputs"/> are rebuilt from
/// them in a pass of their own, as deep as the hypothesis goes; others are recorded on whole examples. Places that no node names are recomputed from
/// what reaches them: name enough nodes to cut every way.
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
        using var plain = model.Run(input, target.Ask(HookPlan.Empty.Keep([.. nodes.SelectMany(All).Select(node => node.Site).Distinct()])));
        var settled = new Settled(target, plain, (int)target.Of(plain).shape[0]);
        if (nodes.SelectMany(All).FirstOrDefault(node => node.Keys.Count != settled.Examples) is { } wrong)
            throw new OptionsException($"Causal scrubbing: {wrong.Site} has {wrong.Keys.Count} keys for {settled.Examples} examples.");
        var orders = model.Points.ToDictionary(point => point.Site, point => point.Order);
        foreach (var node in nodes.SelectMany(All))
            if (node.Inputs.FirstOrDefault(below => orders[below.Site] >= orders[node.Site]) is { } late)
                throw new OptionsException($"Causal scrubbing: {node.Site} cannot be made from {late.Site}, which does not lie before it.");
        double Mean(IReadOnlyList<ScrubNode> hypothesis)
        {
            var random = new Random((int)seed);
            return Enumerable.Range(0, draws).Average(_ => Draw(model, input, plain, settled, hypothesis, random));
        }
        var means = (Model: Numbers.Of(settled.Of(plain)).Average(), Scrubbed: Mean(nodes), Random: Mean([.. nodes.Select(node => node with { Keys = new int[settled.Examples], Inputs = [] })]));
        if (means.Model == means.Random) throw new OptionsException("Causal scrubbing: random donors at these nodes change nothing, so there is nothing for a hypothesis to keep. Name other nodes.");
        return new ScrubScore(means.Model, means.Scrubbed, means.Random);
    }

    private static IEnumerable<ScrubNode> All(ScrubNode node) => node.Inputs.SelectMany(All).Prepend(node);

    private static double Draw(HookedModel model, ModelInput input, Recording plain, Settled settled, IReadOnlyList<ScrubNode> nodes, Random random)
    {
        using var scope = NewDisposeScope();
        using var recording = model.Run(input, settled.Target.Ask(Replaced(model, input, plain, nodes, random)));
        return Numbers.Of(settled.Of(recording)).Average();
    }

    // Every example with each node's value from one that has its key there. Makes tensors in the current scope.
    private static HookPlan Replaced(HookedModel model, ModelInput input, Recording plain, IReadOnlyList<ScrubNode> nodes, Random random)
    {
        var plan = HookPlan.Empty;
        foreach (var site in nodes.GroupBy(node => node.Site))
        {
            var cells = site.Select(node =>
            {
                var values = Rebuilt(model, input, plain, node, random);
                return new SliceCell(node.Site, values.index_select(0, tensor(Donors(node.Keys, random)).to(values.device))) { Head = node.Head };
            }).ToList();
            plan = plan.Edit(site.Key, (value, _) =>
            {
                var changed = value.clone();
                foreach (var cell in cells) cell.Write(changed);
                return changed;
            });
        }
        return plan;
    }

    // The node's value on every example of the batch, made anew from its inputs where it has some.
    private static Tensor Rebuilt(HookedModel model, ModelInput input, Recording plain, ScrubNode node, Random random)
    {
        if (node.Inputs.Count == 0) return plain.Cache[node.Site];
        using var recording = model.Run(input, Replaced(model, input, plain, node.Inputs, random).Keep(node.Site).StopAfter(node.Site));
        return recording.Cache[node.Site].clone();
    }

    // For each example one with the same key, itself included.
    private static long[] Donors(IReadOnlyList<int> keys, Random random)
    {
        var groups = Enumerable.Range(0, keys.Count).ToLookup(k => keys[k]);
        return [.. keys.Select(key => (long)groups[key].ElementAt(random.Next(groups[key].Count())))];
    }
}
