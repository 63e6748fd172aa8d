using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// An attribution graph (Ameisen et al. 2025; circuit-tracer): how active transcoder features, what they leave unexplained and the tokens
/// make each other and the answer, with attention patterns and norms held at this run's. Linear, so a node's incoming edges and its
/// biases sum to its value. Managed memory only.
/// </summary>
public sealed record AttributionGraph
{
    /// <summary>Features, errors, embeddings, logits, in this order.</summary>
    public required IReadOnlyList<GraphNode> Nodes { get; init; }

    /// <summary>[target, source]: the direct effect of the source on the target.</summary>
    public required double[,] Edges { get; init; }

    /// <summary>How tokens lie on the picture; null where they do not.</summary>
    public TokenLayout? Layout { get; init; }

    /// <summary>The number of tokens.</summary>
    public required int Tokens { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Class names, where the model has them.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Features of each block's transcoder.</summary>
    public required int Features { get; init; }

    /// <summary>Active features that were left out, because the graph had its largest size.</summary>
    public int LeftOut { get; init; }

    /// <summary>The cumulated share of influence at each node, small where it matters; set by <see cref="GraphPruning"/>.</summary>
    public IReadOnlyList<double>? Influence { get; init; }

    /// <summary>A short name of a node: <c>L3/17@cls</c>, <c>error L2@0,4</c>, <c>0,4</c>, <c>cat</c>.</summary>
    public string NameOf(int node)
    {
        var it = Nodes[node];
        var at = it.Token >= 0 ? "@" + TokenNames.Of(Layout, it.Token) : "";
        return it.Kind switch
        {
            GraphNodeKind.Feature => $"L{it.Layer}/{it.Index}{at}",
            GraphNodeKind.Error => $"error L{it.Layer}{at}",
            GraphNodeKind.Embedding => it.Token >= 0 ? TokenNames.Of(Layout, it.Token) : "tokens",
            _ => it.Index < Labels.Count ? Labels[it.Index] : $"{it.Index}",
        };
    }

    /// <summary>The nodes that have an edge, and the embeddings and logits, as files and drawings show them.</summary>
    public CircuitGraph ToGraph(string title)
    {
        var used = Enumerable.Range(0, Nodes.Count).Where(IsShown).ToList();
        var position = used.Select((node, k) => (node, k)).ToDictionary(pair => pair.node, pair => pair.k);
        var nodes = used.Select(node => new CircuitNode(NameOf(node), Nodes[node].Kind.ToString().ToLowerInvariant(), Short(node), Nodes[node].Layer + 1,
            Nodes[node].Kind switch { GraphNodeKind.Embedding => "tokens", GraphNodeKind.Logit => "answer", _ => $"block {Nodes[node].Layer}" }, Nodes[node].Token >= 0 ? Nodes[node].Token : null, Nodes[node].Value));
        var links = from target in used from source in used where Edges[target, source] != 0 select new CircuitLink(position[source], position[target], Edges[target, source]);
        return new CircuitGraph(title, [.. nodes], [.. links]);
    }

    /// <summary>Whether files and drawings show a node: it has an edge, or it is a token or a class.</summary>
    public bool IsShown(int node) => Nodes[node].Kind is GraphNodeKind.Embedding or GraphNodeKind.Logit
        || Enumerable.Range(0, Nodes.Count).Any(other => Edges[node, other] != 0 || Edges[other, node] != 0);

    private string Short(int node) => Nodes[node].Kind switch
    {
        GraphNodeKind.Feature => $"{Nodes[node].Index}",
        GraphNodeKind.Error => "error",
        _ => NameOf(node),
    };
}
