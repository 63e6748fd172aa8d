using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Makes an attribution graph readable (circuit-tracer): nodes that carry a share of the influence, then edges that do.</summary>
public static class GraphPruning
{
    /// <summary>The graph with other edges and nodes' edges set to 0; tokens and classes always stay. Nodes keep their positions.</summary>
    /// <param name="graph">The whole graph.</param>
    /// <param name="nodeShare">Nodes stay until they carry this share of the influence together.</param>
    /// <param name="edgeShare">Then edges, likewise.</param>
    /// <exception cref="OptionsException">A share is not in 0–1.</exception>
    public static AttributionGraph Prune(AttributionGraph graph, double nodeShare = 0.8, double edgeShare = 0.98)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (nodeShare is not (> 0 and <= 1) || edgeShare is not (> 0 and <= 1)) throw new OptionsException($"Pruning: the shares are {nodeShare} and {edgeShare}, must be above 0 and at most 1.");
        var nodes = graph.Nodes;
        var influence = GraphInfluence.Of(graph.Edges, nodes);
        var threshold = Threshold(influence, nodeShare);
        var kept = nodes.Select((node, k) => influence[k] >= threshold || node.Kind is GraphNodeKind.Embedding or GraphNodeKind.Logit).ToArray();
        var edges = (double[,])graph.Edges.Clone();
        Clear(edges, (t, s) => !kept[t] || !kept[s]);
        var scores = Scores(edges, nodes);
        var edgeThreshold = Threshold(scores.Cast<double>(), edgeShare);
        Clear(edges, (t, s) => scores[t, s] < edgeThreshold);
        while (DropLoose(edges, nodes, kept)) { }
        return graph with { Edges = edges, Influence = Cumulated(influence) };
    }

    /// <summary>Â·(I + w) of each edge: what of the answer passes through it.</summary>
    public static double[,] Scores(double[,] edges, IReadOnlyList<GraphNode> nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        var (influence, scores, weights) = (GraphInfluence.Of(edges, nodes), GraphInfluence.Normalised(edges), GraphInfluence.Weights(nodes));
        for (var t = 0; t < nodes.Count; t++)
            for (var s = 0; s < nodes.Count; s++) scores[t, s] *= influence[t] + weights[t];
        return scores;
    }

    // The value at which those above it, largest first, reach the share for the first time.
    private static double Threshold(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.OrderDescending()];
        var (wanted, sum) = (share * sorted.Sum(), 0.0);
        foreach (var value in sorted)
            if ((sum += value) >= wanted - 1e-12 * Math.Abs(wanted)) return value;
        return sorted.Length > 0 ? sorted[^1] : 0;
    }

    // Features and errors that lead nowhere, and features that come from nowhere.
    private static bool DropLoose(double[,] edges, IReadOnlyList<GraphNode> nodes, bool[] kept)
    {
        var dropped = false;
        for (var k = 0; k < nodes.Count; k++)
        {
            if (!kept[k] || nodes[k].Kind is GraphNodeKind.Embedding or GraphNodeKind.Logit) continue;
            var leads = Enumerable.Range(0, nodes.Count).Any(t => edges[t, k] != 0);
            var comes = nodes[k].Kind == GraphNodeKind.Error || Enumerable.Range(0, nodes.Count).Any(s => edges[k, s] != 0);
            if (leads && comes) continue;
            (kept[k], dropped) = (false, true);
            for (var other = 0; other < nodes.Count; other++) (edges[k, other], edges[other, k]) = (0, 0);
        }
        return dropped;
    }

    private static void Clear(double[,] edges, Func<int, int, bool> where)
    {
        for (var t = 0; t < edges.GetLength(0); t++)
            for (var s = 0; s < edges.GetLength(1); s++)
                if (where(t, s)) edges[t, s] = 0;
    }

    private static double[] Cumulated(double[] influence)
    {
        var (cumulated, sum, all) = (new double[influence.Length], 0.0, influence.Sum());
        foreach (var node in Enumerable.Range(0, influence.Length).OrderByDescending(k => influence[k])) cumulated[node] = all > 0 ? (sum += influence[node]) / all : 0;
        return cumulated;
    }
}
