namespace Prisma.Circuits;

/// <summary>A node as files and drawings show it.</summary>
/// <param name="Id">Unique within the graph.</param>
/// <param name="Kind">What it is: <c>feature</c>, <c>error</c>, <c>embedding</c>, <c>logit</c>, <c>head</c>, <c>mlp</c>.</param>
/// <param name="Label">A few letters to write into it.</param>
/// <param name="Level">How far from the input: nodes of one level stand in one row.</param>
/// <param name="Place">Where it stands, in words.</param>
/// <param name="Token">Its token; null where it stands for all.</param>
/// <param name="Value">Its number: an effect, an activation, a probability.</param>
public sealed record CircuitNode(string Id, string Kind, string Label, int Level, string Place, int? Token, double Value);

/// <summary>A directed link between two nodes, by their positions.</summary>
/// <param name="Source">The earlier node.</param>
/// <param name="Target">The later node.</param>
/// <param name="Weight">Signed.</param>
public readonly record struct CircuitLink(int Source, int Target, double Weight);

/// <summary>A graph of nodes and links for files and drawings. Managed memory only.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Nodes">The nodes.</param>
/// <param name="Links">The links.</param>
public sealed record CircuitGraph(string Title, IReadOnlyList<CircuitNode> Nodes, IReadOnlyList<CircuitLink> Links)
{
    /// <summary>What the nodes' numbers are, where they can be compared with each other: drawings then colour the nodes by them.</summary>
    public string? ValueMeaning { get; init; }

    /// <summary>The edges of a stream's circuit with their scores.</summary>
    public static CircuitGraph Of(EdgeCircuit circuit, EdgeScores scores)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(scores);
        var graph = circuit.Graph;
        var (nodes, index) = (new List<CircuitNode>(), new Dictionary<string, int>(StringComparer.Ordinal));
        int Index(StreamNode node)
        {
            var body = node.Role is StreamRole.Query or StreamRole.Key or StreamRole.Value ? new StreamNode(StreamRole.Head, node.Layer, node.Head * graph.Heads[node.Layer] / (node.Role == StreamRole.Query ? graph.Heads : graph.KeyHeads)[node.Layer]) : node;
            var name = body.ToString();
            if (index.TryGetValue(name, out var known)) return known;
            var level = body.Role switch { StreamRole.Input => 0, StreamRole.Head => 1 + 2 * body.Layer, StreamRole.Mlp => 2 + 2 * body.Layer, _ => 1 + 2 * graph.Layers };
            nodes.Add(new CircuitNode(name, body.Role.ToString().ToLowerInvariant(), name, level, body.Role is StreamRole.Input or StreamRole.Output ? name : $"block {body.Layer}", null, 0));
            return index[name] = nodes.Count - 1;
        }
        var links = circuit.Edges.Select(edge => new CircuitLink(Index(edge.From), Index(edge.To), scores.Values[graph.WriterIndex(edge.From), graph.ReaderIndex(edge.To)])).ToList();
        return new CircuitGraph($"Circuit of {circuit.Count} edges: {scores.Target} ({scores.Method})", nodes, links);
    }
}
