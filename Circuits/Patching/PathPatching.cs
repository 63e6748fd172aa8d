using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Path patching (Goldowsky-Dill et al. 2023; Wang et al. 2022): what a sender does to receivers along direct paths. The clean run is
/// repeated with the sender corrupted and every other head held at its clean value; what the receivers read there is put, alone, into a
/// clean run.
/// </summary>
public static class PathPatching
{
    /// <summary>The effect of each sender on the target through the receivers: one row per sender, one column.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="receivers">Who must read the change; the output for effects straight on the answer.</param>
    /// <param name="senders">Null: every writer.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="freezeMlps">Hold MLPs at their clean values too; otherwise they are recomputed and count as part of the path.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="options">Rows of a pass.</param>
    /// <exception cref="NotApplicableException">The stream is not a plain sum of heads and MLPs.</exception>
    public static PatchTable Run(HookedModel model, ModelInput clean, ModelInput corrupt, IReadOnlyList<StreamNode> receivers, IReadOnlyList<StreamNode>? senders = null,
        Target? target = null, bool freezeMlps = false, string part = "", PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(receivers);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        options = (options ?? new PatchOptions()) with { SharePrefix = false };
        options.Check();
        var graph = StreamGraph.Of(model, clean, part);
        senders ??= graph.Writers;
        foreach (var sender in senders) _ = graph.WriterIndex(sender);
        foreach (var receiver in receivers) _ = graph.ReaderIndex(receiver);
        HookSite[] kept = [graph.WriterSite(graph.Writers[0]), .. Enumerable.Range(0, graph.Layers).Select(layer => Site.Z[layer].In(graph.Part)),
            .. graph.Writers.Where(writer => writer.Role == StreamRole.Mlp).Select(graph.WriterSite)];
        using var pair = PatchPair.Record(model, clean, corrupt, target, kept, options);
        var results = new List<float[][]>();
        foreach (var group in senders.Chunk(Math.Max(1, options.Rows / pair.Settled.Examples)))
        {
            options.Stop.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var input = Copies.Of(clean, pair.Settled.Examples, group.Length);
            using var direct = model.Run(input, Sent(graph, pair, group, freezeMlps).Keep([.. receivers.Select(graph.ReaderSite).Distinct()]));
            using var recording = model.Run(input, pair.Settled.Target.Ask(Received(graph, direct, receivers)));
            var values = Numbers.Of(pair.Settled.Of(recording));
            results.AddRange(values.Chunk(pair.Settled.Examples).Select(row => new[] { row }));
            options.Progress?.Report(results.Count);
        }
        return new PatchTable
        {
            Title = $"direct paths to {string.Join(", ", receivers)}, sender corrupted{(freezeMlps ? ", MLPs held" : "")}",
            Target = pair.Settled.Name,
            RowLabels = [.. senders.Select(sender => sender.ToString())],
            ColumnLabels = [string.Join(", ", receivers)],
            Before = pair.Scores(pair.Clean),
            Donor = pair.Scores(pair.Corrupt),
            After = [.. results],
            Forwards = pair.Settled.Examples * (2 + 2 * senders.Count),
        };
    }

    // Row block k: sender k corrupted, all other heads (and MLPs, where asked) clean.
    private static HookPlan Sent(StreamGraph graph, PatchPair pair, StreamNode[] senders, bool freezeMlps)
    {
        var plan = HookPlan.Empty;
        var examples = pair.Settled.Examples;
        for (var l = 0; l < graph.Layers; l++)
        {
            var layer = l;
            plan = plan.Edit(Site.Z[layer].In(graph.Part), (_, site) =>
            {
                var held = Copies.Of(pair.Clean.Cache[site], senders.Length).clone();
                for (var k = 0; k < senders.Length; k++)
                    if (senders[k].Role == StreamRole.Head && senders[k].Layer == layer)
                        held.narrow(0, k * examples, examples).select(2, senders[k].Head).copy_(pair.Corrupt.Cache[site].select(2, senders[k].Head));
                return held;
            });
            if (!graph.Writers.Contains(new StreamNode(StreamRole.Mlp, layer))) continue;
            plan = plan.Edit(Site.MlpOut[layer].In(graph.Part), (value, site) => Held(pair, senders, value, site, sender => sender.Role == StreamRole.Mlp && sender.Layer == layer, freezeMlps));
        }
        return plan.Edit(graph.WriterSite(graph.Writers[0]), (value, site) => Held(pair, senders, value, site, sender => sender.Role == StreamRole.Input, freeze: false));
    }

    private static Tensor Held(PatchPair pair, StreamNode[] senders, Tensor value, HookSite site, Func<StreamNode, bool> sends, bool freeze)
    {
        if (!freeze && !senders.Any(sends)) return value;
        var held = (freeze ? Copies.Of(pair.Clean.Cache[site], senders.Length) : value).clone();
        for (var k = 0; k < senders.Length; k++)
            if (sends(senders[k])) held.narrow(0, k * pair.Settled.Examples, pair.Settled.Examples).copy_(pair.Corrupt.Cache[site]);
        return held;
    }

    private static HookPlan Received(StreamGraph graph, Recording direct, IReadOnlyList<StreamNode> receivers)
    {
        var plan = HookPlan.Empty;
        foreach (var here in receivers.GroupBy(graph.ReaderSite))
            plan = plan.Edit(here.Key, (value, site) =>
            {
                var read = direct.Cache[site];
                if (value.ndim == 3) return read;
                var changed = value.clone();
                foreach (var receiver in here) changed.select(2, receiver.Head).copy_(read.select(2, receiver.Head));
                return changed;
            });
        return plan;
    }
}
