using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>A node of a feature circuit: one feature of a coder, its skip connection, or all that the coder does not explain.</summary>
/// <param name="Site">The place that the coder writes.</param>
/// <param name="Feature">Its number; −1 for the error, −2 for the skip connection.</param>
/// <param name="Effect">What changing it from its clean to its corrupted strength does to the target, mean over the examples.</param>
public sealed record FeatureNode(HookSite Site, int Feature, double Effect)
{
    /// <summary>Whether it is what the coder does not explain.</summary>
    public bool IsError => Feature == -1;

    /// <summary>Whether it is what a transcoder's skip connection carries.</summary>
    public bool IsSkip => Feature == -2;

    /// <summary>The number, <c>error</c> or <c>skip</c>.</summary>
    public string Label => IsError ? "error" : IsSkip ? "skip" : $"{Feature}";

    /// <summary><c>blocks.3.hook_resid_post/17</c>, or <c>…/error</c>.</summary>
    public override string ToString() => $"{Site}/{Label}";
}

/// <summary>A directed edge between two nodes.</summary>
/// <param name="From">The earlier node.</param>
/// <param name="To">The later node.</param>
/// <param name="Weight">The part of the earlier node's effect that passes straight into the later one.</param>
public sealed record FeatureEdge(FeatureNode From, FeatureNode To, double Weight);

/// <summary>A circuit of features (Marks et al. 2024). Managed memory only.</summary>
public sealed record FeatureCircuit
{
    /// <summary>What the effects are on.</summary>
    public required string Target { get; init; }

    /// <summary>The nodes whose effect passed the threshold, in forward order, the strongest of a place first.</summary>
    public required IReadOnlyList<FeatureNode> Nodes { get; init; }

    /// <summary>The edges between them whose weight passed the threshold, the heaviest first.</summary>
    public required IReadOnlyList<FeatureEdge> Edges { get; init; }

    /// <summary>For each place the sum of all nodes' effects, those left out included: what corrupting the whole place does.</summary>
    public required IReadOnlyDictionary<HookSite, double> Totals { get; init; }

    /// <summary>Passes of the batch, a backward pass counted as one.</summary>
    public double Forwards { get; init; }

    /// <summary>The same as nodes and links, for files and drawings.</summary>
    public CircuitGraph ToGraph()
    {
        var index = Nodes.Select((node, k) => (node, k)).ToDictionary(pair => pair.node, pair => pair.k);
        var places = Nodes.Select(node => node.Site).Distinct().ToList();
        return new CircuitGraph($"Feature circuit: {Target}",
            [.. Nodes.Select(node => new CircuitNode(node.ToString(), node.IsError ? "error" : node.IsSkip ? "skip" : "feature", node.Label, places.IndexOf(node.Site), $"{node.Site}", null, node.Effect))],
            [.. Edges.Select(edge => new CircuitLink(index[edge.From], index[edge.To], edge.Weight))])
        {
            ValueMeaning = $"what corrupting the node does to {Target}",
        };
    }
}
