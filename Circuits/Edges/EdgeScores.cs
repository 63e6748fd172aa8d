namespace Prisma.Circuits;

/// <summary>One number for every edge of a stream's graph. Managed memory only.</summary>
/// <param name="Graph">The graph.</param>
/// <param name="Values">[writers, readers]; 0 where there is no edge.</param>
/// <param name="Method">How they were found.</param>
/// <param name="Target">What they are effects on.</param>
public sealed record EdgeScores(StreamGraph Graph, double[,] Values, string Method, string Target)
{
    /// <summary>Passes of the batch, a backward pass counted as one.</summary>
    public double Forwards { get; init; }

    /// <summary>All edges, the largest magnitude first.</summary>
    public IReadOnlyList<Edge> Ranked()
    {
        var edges = new List<Edge>();
        for (var w = 0; w < Graph.Writers.Count; w++)
            for (var r = 0; r < Graph.Readers.Count; r++)
                if (Graph.HasEdge(Graph.Writers[w], Graph.Readers[r])) edges.Add(new Edge(Graph.Writers[w], Graph.Readers[r], Values[w, r]));
        return [.. edges.OrderByDescending(edge => Math.Abs(edge.Score))];
    }
}

/// <summary>An edge with its number.</summary>
/// <param name="From">The writer.</param>
/// <param name="To">The reader.</param>
/// <param name="Score">Its effect: negative where corrupting the edge lowers the target.</param>
public readonly record struct Edge(StreamNode From, StreamNode To, double Score);
