namespace Prisma.Circuits;

/// <summary>Some of the edges of a stream's graph. Immutable.</summary>
public sealed class EdgeCircuit
{
    private readonly bool[,] _kept;

    private EdgeCircuit(StreamGraph graph, bool[,] kept) => (Graph, _kept) = (graph, kept);

    /// <summary>The graph.</summary>
    public StreamGraph Graph { get; }

    /// <summary>The edges.</summary>
    public IReadOnlyList<(StreamNode From, StreamNode To)> Edges =>
        [.. from w in Enumerable.Range(0, Graph.Writers.Count) from r in Enumerable.Range(0, Graph.Readers.Count) where _kept[w, r] select (Graph.Writers[w], Graph.Readers[r])];

    /// <summary>The number of edges.</summary>
    public int Count => _kept.Cast<bool>().Count(kept => kept);

    /// <summary>Every edge.</summary>
    public static EdgeCircuit All(StreamGraph graph) => Where(graph, (_, _) => true);

    /// <summary>No edge.</summary>
    public static EdgeCircuit None(StreamGraph graph) => Where(graph, (_, _) => false);

    /// <summary>The given edges.</summary>
    /// <exception cref="Core.OptionsException">There is no such edge.</exception>
    public static EdgeCircuit Of(StreamGraph graph, IEnumerable<(StreamNode From, StreamNode To)> edges)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(edges);
        var kept = new bool[graph.Writers.Count, graph.Readers.Count];
        foreach (var (from, to) in edges)
        {
            if (!graph.HasEdge(from, to)) throw new Core.OptionsException($"There is no edge {from} → {to}: the reader lies before the writer.");
            kept[graph.WriterIndex(from), graph.ReaderIndex(to)] = true;
        }
        return new EdgeCircuit(graph, kept);
    }

    /// <summary>The edges of largest magnitude.</summary>
    public static EdgeCircuit Top(EdgeScores scores, int count)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return Of(scores.Graph, scores.Ranked().Take(count).Select(edge => (edge.From, edge.To)));
    }

    /// <summary>Grown from the output: again and again the best edge into what is already there, so that every edge has a way to the output.</summary>
    public static EdgeCircuit Greedy(EdgeScores scores, int count)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var graph = scores.Graph;
        var ranked = scores.Ranked().ToList();
        var reached = new HashSet<(StreamRole, int, int)> { Body(new StreamNode(StreamRole.Output, graph.Layers), graph) };
        var chosen = new List<(StreamNode, StreamNode)>();
        while (chosen.Count < count && ranked.FindIndex(edge => reached.Contains(Body(edge.To, graph))) is var best and >= 0)
        {
            chosen.Add((ranked[best].From, ranked[best].To));
            reached.Add(Body(ranked[best].From, graph));
            ranked.RemoveAt(best);
        }
        return Of(graph, chosen);
    }

    /// <summary>Whether the edge belongs to it, by positions in the graph's lists.</summary>
    public bool Has(int writer, int reader) => _kept[writer, reader];

    /// <summary>Without one edge.</summary>
    public EdgeCircuit Without(StreamNode from, StreamNode to)
    {
        var kept = (bool[,])_kept.Clone();
        kept[Graph.WriterIndex(from), Graph.ReaderIndex(to)] = false;
        return new EdgeCircuit(Graph, kept);
    }

    /// <summary>All other edges.</summary>
    public EdgeCircuit Complement() => Where(Graph, (w, r) => !_kept[w, r]);

    /// <summary>Without edges that lie on no way from the input to the output.</summary>
    public EdgeCircuit Connected()
    {
        var (fed, heard) = (Reach(forward: true), Reach(forward: false));
        return Where(Graph, (w, r) => _kept[w, r] && fed.Contains(Body(Graph.Writers[w], Graph)) && heard.Contains(Body(Graph.Readers[r], Graph)));
    }

    /// <summary>Against known edges: which share of these edges is among them, and which share of them is here.</summary>
    public (double Precision, double Recall) Against(EdgeCircuit truth)
    {
        ArgumentNullException.ThrowIfNull(truth);
        var hits = 0;
        for (var w = 0; w < Graph.Writers.Count; w++)
            for (var r = 0; r < Graph.Readers.Count; r++)
                if (_kept[w, r] && truth._kept[w, r]) hits++;
        return (Count == 0 ? double.NaN : (double)hits / Count, truth.Count == 0 ? double.NaN : (double)hits / truth.Count);
    }

    private static EdgeCircuit Where(StreamGraph graph, Func<int, int, bool> keep)
    {
        var kept = new bool[graph.Writers.Count, graph.Readers.Count];
        for (var w = 0; w < graph.Writers.Count; w++)
            for (var r = 0; r < graph.Readers.Count; r++)
                kept[w, r] = graph.HasEdge(graph.Writers[w], graph.Readers[r]) && keep(w, r);
        return new EdgeCircuit(graph, kept);
    }

    // Heads and MLPs both read and write: what a reader belongs to. Query heads are known by their key head where several share one.
    private static (StreamRole, int, int) Body(StreamNode node, StreamGraph graph) => node.Role switch
    {
        StreamRole.Query or StreamRole.Head => (StreamRole.Head, node.Layer, node.Head * graph.KeyHeads[node.Layer] / graph.Heads[node.Layer]),
        StreamRole.Key or StreamRole.Value => (StreamRole.Head, node.Layer, node.Head),
        _ => (node.Role, node.Layer, 0),
    };

    private HashSet<(StreamRole, int, int)> Reach(bool forward)
    {
        var reached = new HashSet<(StreamRole, int, int)> { forward ? (StreamRole.Input, 0, 0) : (StreamRole.Output, Graph.Layers, 0) };
        var edges = Edges;
        for (var before = 0; before != reached.Count;)
        {
            before = reached.Count;
            foreach (var (from, to) in edges)
                if (reached.Contains(Body(forward ? from : to, Graph))) reached.Add(Body(forward ? to : from, Graph));
        }
        return reached;
    }
}
