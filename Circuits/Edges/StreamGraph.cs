using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The computation graph of a residual stream: writers (input, heads, MLPs), readers (each head's queries, keys and values, MLPs, the
/// output), and an edge from every writer to every reader behind it.
/// </summary>
public sealed class StreamGraph
{
    private readonly bool[] _sequential;

    private StreamGraph(string part, int[] heads, int[] keyHeads, bool[] sequential, bool[] mlps)
    {
        (Part, Heads, KeyHeads, _sequential) = (part, heads, keyHeads, sequential);
        var writers = new List<StreamNode> { new(StreamRole.Input, 0) };
        var readers = new List<StreamNode>();
        for (var layer = 0; layer < heads.Length; layer++)
        {
            foreach (var (role, count) in new[] { (StreamRole.Query, heads[layer]), (StreamRole.Key, keyHeads[layer]), (StreamRole.Value, keyHeads[layer]) })
                for (var head = 0; head < count; head++) readers.Add(new StreamNode(role, layer, head));
            for (var head = 0; head < heads[layer]; head++) writers.Add(new StreamNode(StreamRole.Head, layer, head));
            if (!mlps[layer]) continue;
            readers.Add(new StreamNode(StreamRole.Mlp, layer));
            writers.Add(new StreamNode(StreamRole.Mlp, layer));
        }
        readers.Add(new StreamNode(StreamRole.Output, heads.Length));
        (Writers, Readers) = (writers, readers);
        for (var w = 0; w < writers.Count; w++)
            for (var r = 0; r < readers.Count; r++)
                if (HasEdge(writers[w], readers[r])) EdgeCount++;
    }

    /// <summary>The part of the model.</summary>
    public string Part { get; }

    /// <summary>The number of blocks.</summary>
    public int Layers => Heads.Count;

    /// <summary>Query heads of each block.</summary>
    public IReadOnlyList<int> Heads { get; }

    /// <summary>Key heads of each block.</summary>
    public IReadOnlyList<int> KeyHeads { get; }

    /// <summary>All writers, in forward order.</summary>
    public IReadOnlyList<StreamNode> Writers { get; }

    /// <summary>All readers, in forward order.</summary>
    public IReadOnlyList<StreamNode> Readers { get; }

    /// <summary>The number of edges.</summary>
    public int EdgeCount { get; }

    /// <summary>The graph of a model's stream, its sizes read from a pass of one example.</summary>
    /// <exception cref="NotApplicableException">The stream is not a plain sum of heads and MLPs.</exception>
    public static StreamGraph Of(HookedModel model, ModelInput input, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        var sites = new PatchGrid(Site.Z, PatchAxes.Layer) { Part = part }.Sites(model);
        part = sites[0].Path.Part;
        HookSite At(SiteKind kind, int layer) => kind[layer].In(part);
        bool Has(HookSite site) => model.Points.Any(point => point.Site == site);
        var layers = sites.Count;
        foreach (var kind in new[] { Site.ResidPre, Site.AttnOut, Site.AttnModuleOut, Site.QInput, Site.ResidPost, Site.K })
            for (var layer = 0; layer < layers; layer++)
                if (!Has(At(kind, layer))) throw new NotApplicableException($"The graph of edges does not apply: {model.Card.Name} has no {At(kind, layer)}.");
        HookSite[] kept = [.. Enumerable.Range(0, layers).SelectMany(l => new[] { At(Site.Z, l), At(Site.K, l), At(Site.AttnOut, l), At(Site.AttnModuleOut, l) })];
        using var recording = model.Run(Copies.First(input), HookPlan.Empty.Keep(kept));
        var scales = Scales(model, part);
        for (var layer = 0; layer < layers; layer++)
        {
            var written = recording.Cache[At(Site.AttnModuleOut, layer)];
            if (!recording.Cache[At(Site.AttnOut, layer)].Equals(scales.TryGetValue(layer, out var scale) ? written * scale.Value : written))
                throw new NotApplicableException($"The graph of edges does not apply: block {layer} of {model.Card.Name} normalises what its heads write, so the stream is not their sum.");
        }
        return new StreamGraph(part, [.. sites.Select(site => (int)recording.Cache[site].shape[2])],
            [.. sites.Select(site => (int)recording.Cache[At(Site.K, site.Path.Layer)].shape[2])], [.. Enumerable.Range(0, layers).Select(layer => Has(At(Site.ResidMid, layer)))],
            [.. Enumerable.Range(0, layers).Select(layer => Has(At(Site.MlpIn, layer)) && Has(At(Site.MlpOut, layer)))]);
    }

    /// <summary>What the heads of a block are multiplied by before the stream, where it has a layer scale.</summary>
    internal static IReadOnlyDictionary<int, Weight> Scales(HookedModel model, string part) =>
        model.InBlocks<Block>(part, exact: true).Where(block => block.Module.AttentionScale is not null).ToDictionary(block => block.Layer, block => block.Module.AttentionScale!);

    /// <summary>Whether what the writer writes reaches the reader without passing another node.</summary>
    public bool HasEdge(StreamNode writer, StreamNode reader) => writer.Role == StreamRole.Input || reader.Role == StreamRole.Output
        || writer.Layer < reader.Layer
        || (writer.Layer == reader.Layer && writer.Role == StreamRole.Head && reader.Role == StreamRole.Mlp && _sequential[writer.Layer]);

    /// <summary>The place that holds what the node writes; heads share one with a head axis.</summary>
    public HookSite WriterSite(StreamNode writer) => (writer.Role switch
    {
        StreamRole.Input => Site.ResidPre[0],
        StreamRole.Head => Site.Result[writer.Layer],
        StreamRole.Mlp => Site.MlpOut[writer.Layer],
        _ => throw new OptionsException($"{writer} does not write."),
    }).In(Part);

    /// <summary>The place that holds what the node reads, before its norm; heads share one with a head axis.</summary>
    public HookSite ReaderSite(StreamNode reader) => (reader.Role switch
    {
        StreamRole.Query => Site.QInput[reader.Layer],
        StreamRole.Key => Site.KInput[reader.Layer],
        StreamRole.Value => Site.VInput[reader.Layer],
        StreamRole.Mlp => Site.MlpIn[reader.Layer],
        StreamRole.Output => Site.ResidPost[Layers - 1],
        _ => throw new OptionsException($"{reader} does not read."),
    }).In(Part);

    /// <summary>The position of a writer.</summary>
    /// <exception cref="OptionsException">The graph has no such writer.</exception>
    public int WriterIndex(StreamNode writer) => Index(Writers, writer, "writes");

    /// <summary>The position of a reader.</summary>
    /// <exception cref="OptionsException">The graph has no such reader.</exception>
    public int ReaderIndex(StreamNode reader) => Index(Readers, reader, "reads");

    /// <summary>The writers of one place, as a range of <see cref="Writers"/>, in forward order.</summary>
    internal IEnumerable<(HookSite Site, int First, int Count)> WriterGroups() => Groups(Writers, WriterSite);

    /// <summary>The readers of one place, as a range of <see cref="Readers"/>, in forward order.</summary>
    internal IEnumerable<(HookSite Site, int First, int Count)> ReaderGroups() => Groups(Readers, ReaderSite);

    private static IEnumerable<(HookSite, int, int)> Groups(IReadOnlyList<StreamNode> nodes, Func<StreamNode, HookSite> site)
    {
        for (var first = 0; first < nodes.Count;)
        {
            var here = site(nodes[first]);
            var count = nodes.Skip(first).TakeWhile(node => site(node) == here).Count();
            yield return (here, first, count);
            first += count;
        }
    }

    private int Index(IReadOnlyList<StreamNode> nodes, StreamNode node, string verb)
    {
        for (var k = 0; k < nodes.Count; k++)
            if (nodes[k] == node) return k;
        throw new OptionsException($"No node '{node}' {verb} in this stream: it has {Layers} blocks with {string.Join(", ", Heads.Distinct())} heads.");
    }
}
