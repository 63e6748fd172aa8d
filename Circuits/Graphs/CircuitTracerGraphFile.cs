using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// Attribution graphs in circuit-tracer's format: <c>{slug}.json</c> and its entry in <c>graph-metadata.json</c>. Keys of our own (<c>grid</c>,
/// <c>image</c>, <c>patch</c>, <c>uid</c>) are ignored by the original viewer. Node ids of errors can equal those of features of block 0: <c>uid</c> is unique.
/// </summary>
public static class CircuitTracerGraphFile
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a graph into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="slug">The graph's name: letters, digits, dashes.</param>
    /// <param name="graph">The graph, pruned.</param>
    /// <param name="prompt">What was shown to the model, in words.</param>
    /// <param name="model">The model's name.</param>
    /// <param name="nodeShare">The share that nodes were pruned to.</param>
    /// <param name="image">A picture's file, relative to the folder; null: none.</param>
    /// <param name="supernodes">Groups of features that the viewer shows as one; members without a node in the graph are left out.</param>
    /// <param name="existing">Whether the graph's own file may be replaced; the list of graphs always gets its entry.</param>
    /// <returns>The graph's file.</returns>
    public static string Write(string folder, string slug, AttributionGraph graph, string prompt, string model, double nodeShare = 0.8, string? image = null, IReadOnlyList<Supernode>? supernodes = null, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (slug.Length == 0 || !slug.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new OptionsException($"'{slug}' cannot name a graph: letters, digits, dashes and underscores only.");
        Directory.CreateDirectory(folder);
        var metadata = Metadata(slug, graph, prompt, model, nodeShare, image);
        var file = Path.Combine(folder, $"{slug}.json");
        AtomicFile.WriteText(file, Document(metadata, graph, supernodes ?? []).ToJsonString(s_json), existing);
        var index = Path.Combine(folder, "graph-metadata.json");
        var graphs = File.Exists(index) ? JsonNode.Parse(File.ReadAllText(index))?["graphs"]?.AsArray() ?? [] : [];
        var list = new JsonArray([.. graphs.Where(other => (string?)other?["slug"] != slug).Select(other => other?.DeepClone()), metadata.DeepClone()]);
        AtomicFile.WriteText(index, new JsonObject { ["graphs"] = list }.ToJsonString(s_json), ExistingFile.Replace);
        return file;
    }

    private static JsonObject Metadata(string slug, AttributionGraph graph, string prompt, string model, double nodeShare, string? image)
    {
        var metadata = new JsonObject
        {
            ["slug"] = slug,
            ["scan"] = model,
            ["transcoder_list"] = new JsonArray(),
            ["prompt_tokens"] = new JsonArray([.. Enumerable.Range(0, graph.Tokens).Select(token => (JsonNode)TokenNames.Of(graph.Layout, token))]),
            ["prompt"] = prompt,
            ["node_threshold"] = nodeShare,
        };
        if (graph.Layout is { } layout) metadata["grid"] = new JsonArray(layout.Frames, layout.Rows, layout.Columns);
        if (image is not null) metadata["image"] = image;
        return metadata;
    }

    private static JsonObject Document(JsonObject metadata, AttributionGraph graph, IReadOnlyList<Supernode> supernodes)
    {
        int[] shown = [.. Enumerable.Range(0, graph.Nodes.Count).Where(graph.IsShown)];
        var best = shown.Where(node => graph.Nodes[node].Kind == GraphNodeKind.Logit).MaxBy(node => graph.Nodes[node].Value);
        var links = from target in shown
                    from source in shown
                    where graph.Edges[target, source] != 0
                    select (JsonNode)new JsonObject { ["source"] = Id(graph, source), ["target"] = Id(graph, target), ["weight"] = graph.Edges[target, source] };
        return new JsonObject
        {
            ["metadata"] = metadata,
            ["qParams"] = new JsonObject { ["pinnedIds"] = new JsonArray(), ["supernodes"] = Groups(graph, shown, supernodes), ["linkType"] = "both", ["clickedId"] = "", ["sg_pos"] = "" },
            ["nodes"] = new JsonArray([.. shown.Select(node => (JsonNode)Node(graph, node, node == best))]),
            ["links"] = new JsonArray([.. links]),
        };
    }

    // [[name, id, id, …], …].
    private static JsonArray Groups(AttributionGraph graph, int[] shown, IReadOnlyList<Supernode> supernodes) => new([.. supernodes.Select(supernode =>
        (JsonNode)new JsonArray([supernode.Name, .. shown.Where(node => graph.Nodes[node] is { Kind: GraphNodeKind.Feature } it && supernode.Members.Any(member =>
            member.Layer == it.Layer && member.Feature == it.Index && (member.Token is null || it.Token < 0 || member.Token == it.Token))).Select(node => (JsonNode)Id(graph, node))]))]);

    private static JsonObject Node(AttributionGraph graph, int index, bool isBest)
    {
        var node = graph.Nodes[index];
        var token = Math.Max(0, node.Token);
        var features = (int)Math.Pow(10, Math.Ceiling(Math.Log10(Math.Max(2, graph.Features))));
        var json = new JsonObject
        {
            ["node_id"] = Id(graph, index),
            ["feature"] = node.Kind switch { GraphNodeKind.Feature => node.Index + (long)node.Layer * features, GraphNodeKind.Error => -1, GraphNodeKind.Embedding => token, _ => node.Index },
            ["layer"] = node.Kind switch { GraphNodeKind.Embedding => "E", GraphNodeKind.Logit => $"{graph.Layers + 1}", _ => $"{node.Layer}" },
            ["ctx_idx"] = node.Kind == GraphNodeKind.Logit ? graph.Tokens - 1 : token,
            ["feature_type"] = node.Kind switch { GraphNodeKind.Feature => "cross layer transcoder", GraphNodeKind.Error => "mlp reconstruction error", GraphNodeKind.Embedding => "embedding", _ => "logit" },
            ["token_prob"] = node.Kind == GraphNodeKind.Logit ? node.Value : 0.0,
            ["is_target_logit"] = isBest,
            ["run_idx"] = 0,
            ["reverse_ctx_idx"] = 0,
            ["jsNodeId"] = node.Kind switch { GraphNodeKind.Feature => $"{node.Layer}_{node.Index}-0", GraphNodeKind.Error => $"{node.Layer}_{token}-0", GraphNodeKind.Embedding => $"E_{token}-{token}", _ => $"L_{node.Index}-{graph.Tokens - 1}" },
            ["clerp"] = node.Kind == GraphNodeKind.Logit ? FormattableString.Invariant($"Output \"{Shown(graph.NameOf(index))}\" (p={node.Value:f3})") : "",
            ["influence"] = graph.Influence is { } influence ? influence[index] : null,
            ["activation"] = node.Kind == GraphNodeKind.Feature ? node.Value : null,
            ["uid"] = $"{node.Kind}:{node.Layer}:{node.Index}:{node.Token}",
        };
        if (node.Token >= 0 && graph.Layout?.PlaceOf(node.Token) is var (frame, row, column)) json["patch"] = new JsonArray(frame, row, column);
        return json;
    }

    private static string Id(AttributionGraph graph, int index)
    {
        var node = graph.Nodes[index];
        var token = Math.Max(0, node.Token);
        return node.Kind switch
        {
            GraphNodeKind.Feature => $"{node.Layer}_{node.Index}_{token}",
            GraphNodeKind.Error => $"0_{node.Layer}_{token}",
            GraphNodeKind.Embedding => $"E_{token}_{token}",
            _ => $"{graph.Layers + 1}_{node.Index}_{graph.Tokens - 1}",
        };
    }

    private static string Shown(string text) => text.Replace("\n", "⏎", StringComparison.Ordinal).Replace("\t", "→", StringComparison.Ordinal).Replace("\r", "↵", StringComparison.Ordinal);
}
