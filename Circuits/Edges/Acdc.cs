using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Automatic circuit discovery (Conmy et al. 2023): from the output backwards, every edge is cut in turn and stays cut if the model's
/// answer moves by less than a threshold. The result is that of cutting one edge per pass; passes are saved by trying runs of edges
/// together and going on behind the first that must stay.
/// </summary>
public static class Acdc
{
    /// <summary>Finds a circuit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="threshold">How much a cut may raise the loss: nats of KL, or units of the target.</param>
    /// <param name="target">Null: the loss is the KL divergence from the whole model's class probabilities; otherwise the loss is the distance of this target from its clean value.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="options">Rows of a pass.</param>
    /// <exception cref="NotApplicableException">The stream is not a plain sum of heads and MLPs.</exception>
    public static AcdcResult Find(HookedModel model, ModelInput clean, ModelInput corrupt, double threshold, Target? target = null, string part = "", PatchOptions? options = null)
    {
        options ??= new PatchOptions();
        using var scope = NewDisposeScope();
        var graph = StreamGraph.Of(model, clean, part);
        using var run = EdgeRun.Record(model, clean, corrupt, graph, target, options with { Progress = null });
        using var loss = new CircuitLoss(run, target is null);
        var circuit = EdgeCircuit.All(graph);
        var (old, passes, tried) = (loss.Of([circuit])[0], 1, 0);
        foreach (var reader in Enumerable.Range(0, graph.Readers.Count).Reverse())
        {
            var edges = new Queue<StreamNode>(Writers(circuit, reader));
            // A node that nobody listens to any more loses what it hears.
            if (!IsHeard(circuit, graph.Readers[reader]))
            {
                foreach (var writer in edges) circuit = circuit.Without(writer, graph.Readers[reader]);
                continue;
            }
            while (edges.Count > 0)
            {
                var together = Math.Max(1, options.Rows / run.Pair.Settled.Examples);
                var trials = new List<EdgeCircuit>();
                foreach (var writer in edges.Take(together)) trials.Add((trials.Count > 0 ? trials[^1] : circuit).Without(writer, graph.Readers[reader]));
                var losses = loss.Of(trials);
                passes += trials.Count;
                var cut = 0;
                while (cut < trials.Count && losses[cut] - old < threshold)
                {
                    (circuit, old) = (trials[cut], losses[cut]);
                    cut++;
                    edges.Dequeue();
                }
                if (cut < trials.Count) edges.Dequeue();
                options.Progress?.Report(tried += Math.Min(cut + 1, trials.Count));
            }
        }
        return new AcdcResult(circuit, old, passes);
    }

    // Later writers first.
    private static IEnumerable<StreamNode> Writers(EdgeCircuit circuit, int reader) =>
        Enumerable.Range(0, circuit.Graph.Writers.Count).Reverse().Where(writer => circuit.Has(writer, reader)).Select(writer => circuit.Graph.Writers[writer]);

    private static bool IsHeard(EdgeCircuit circuit, StreamNode reader)
    {
        var graph = circuit.Graph;
        if (reader.Role == StreamRole.Output) return true;
        var shared = reader.Role is StreamRole.Key or StreamRole.Value ? graph.Heads[reader.Layer] / graph.KeyHeads[reader.Layer] : 1;
        return Enumerable.Range(reader.Head * shared, shared).Any(head =>
        {
            var writer = graph.WriterIndex(new StreamNode(reader.Role == StreamRole.Mlp ? StreamRole.Mlp : StreamRole.Head, reader.Layer, reader.Role == StreamRole.Mlp ? 0 : head));
            return Enumerable.Range(0, graph.Readers.Count).Any(other => circuit.Has(writer, other));
        });
    }
}

/// <summary>What ACDC found.</summary>
/// <param name="Circuit">The edges that stayed.</param>
/// <param name="Loss">The loss with only them clean.</param>
/// <param name="Passes">Passes of the batch that it took.</param>
public sealed record AcdcResult(EdgeCircuit Circuit, double Loss, int Passes);
