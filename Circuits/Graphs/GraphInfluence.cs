namespace Prisma.Circuits;

/// <summary>
/// How much every node matters for the answer over all paths (circuit-tracer): with Â = |A| over its row sums and w the classes'
/// probabilities, I = wÂ + wÂ² + … until nothing is left.
/// </summary>
public static class GraphInfluence
{
    private const double Smallest = 1e-10;

    /// <summary>The influence of each node; classes themselves get what passes through them, which is nothing.</summary>
    /// <param name="edges">[target, source].</param>
    /// <param name="nodes">The nodes.</param>
    public static double[] Of(double[,] edges, IReadOnlyList<GraphNode> nodes)
    {
        ArgumentNullException.ThrowIfNull(edges);
        ArgumentNullException.ThrowIfNull(nodes);
        var shares = Normalised(edges);
        var total = new double[nodes.Count];
        var step = Weights(nodes);
        // A path has at most as many steps as there are nodes; the graph has no cycles.
        for (var k = 0; k < nodes.Count; k++)
        {
            var next = new double[nodes.Count];
            var any = false;
            for (var t = 0; t < nodes.Count; t++)
                if (step[t] != 0)
                    for (var s = 0; s < nodes.Count; s++)
                        if (shares[t, s] != 0)
                        {
                            next[s] += step[t] * shares[t, s];
                            any = true;
                        }
            if (!any) break;
            for (var s = 0; s < nodes.Count; s++) total[s] += next[s];
            step = next;
        }
        return total;
    }

    /// <summary>The classes' probabilities at their nodes, 0 elsewhere.</summary>
    internal static double[] Weights(IReadOnlyList<GraphNode> nodes) => [.. nodes.Select(node => node.Kind == GraphNodeKind.Logit ? node.Value : 0)];

    /// <summary>Magnitudes over their row's sum.</summary>
    internal static double[,] Normalised(double[,] edges)
    {
        var shares = new double[edges.GetLength(0), edges.GetLength(1)];
        for (var t = 0; t < edges.GetLength(0); t++)
        {
            var sum = 0.0;
            for (var s = 0; s < edges.GetLength(1); s++) sum += Math.Abs(edges[t, s]);
            for (var s = 0; s < edges.GetLength(1); s++) shares[t, s] = Math.Abs(edges[t, s]) / Math.Max(sum, Smallest);
        }
        return shares;
    }

    /// <summary>The share of the tokens' influence in that of tokens and errors together: how much of the model the features replace.</summary>
    public static double Replacement(AttributionGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var influence = Of(graph.Edges, graph.Nodes);
        double Sum(GraphNodeKind kind) => graph.Nodes.Select((node, k) => node.Kind == kind ? influence[k] : 0).Sum();
        return Sum(GraphNodeKind.Embedding) / (Sum(GraphNodeKind.Embedding) + Sum(GraphNodeKind.Error));
    }

    /// <summary>The share of nodes' inputs, weighted by how much the nodes matter, that comes from features and tokens and not from errors.</summary>
    public static double Completeness(AttributionGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var (influence, shares, weights) = (Of(graph.Edges, graph.Nodes), Normalised(graph.Edges), Weights(graph.Nodes));
        double explained = 0, all = 0;
        for (var t = 0; t < graph.Nodes.Count; t++)
        {
            var errors = 0.0;
            for (var s = 0; s < graph.Nodes.Count; s++)
                if (graph.Nodes[s].Kind == GraphNodeKind.Error) errors += shares[t, s];
            explained += (1 - errors) * (influence[t] + weights[t]);
            all += influence[t] + weights[t];
        }
        return explained / all;
    }
}
