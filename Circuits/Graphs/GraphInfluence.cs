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
        return Of([.. Enumerable.Range(0, nodes.Count).Select(target => Enumerable.Range(0, nodes.Count).Select(source => edges[target, source]).ToArray())], nodes);
    }

    // Rows of targets that are not known yet are null.
    internal static double[] Of(IReadOnlyList<double[]?> rows, IReadOnlyList<GraphNode> nodes)
    {
        double[] sums = [.. rows.Select(row => row is null ? 0 : Math.Max(row.Sum(Math.Abs), Smallest))];
        var total = new double[nodes.Count];
        var step = Weights(nodes);
        // A path has at most as many steps as there are nodes; the graph has no cycles.
        for (var k = 0; k < nodes.Count; k++)
        {
            var next = new double[nodes.Count];
            var any = false;
            for (var target = 0; target < nodes.Count; target++)
            {
                if (step[target] == 0 || rows[target] is not { } row) continue;
                for (var source = 0; source < row.Length; source++)
                    if (row[source] != 0) (next[source], any) = (next[source] + step[target] * Math.Abs(row[source]) / sums[target], true);
            }
            if (!any) break;
            for (var source = 0; source < nodes.Count; source++) total[source] += next[source];
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
