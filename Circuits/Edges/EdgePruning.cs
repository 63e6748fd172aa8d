using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Edge pruning (Bhaskar et al. 2024): a gate on every edge mixes what the writer writes in the clean and in the corrupted run; all gates are learned
/// at once, so that the masked model answers as the whole one while the expected number of open gates is pushed to the one asked for by two multipliers.
/// Gates of edges alone: nodes have none of their own here.
/// </summary>
public static class EdgePruning
{
    /// <summary>Learns a circuit.</summary>
    /// <param name="model">The model; its weights stay as they are.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="edges">The number of edges to keep.</param>
    /// <param name="target">
    /// Null: the loss is the KL divergence from the whole model's class probabilities; otherwise the squared distance of this target from its clean value.
    /// Either is taken over that of the corrupted run, so that 1 stands for nothing kept.
    /// </param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="NotApplicableException">The stream is not a plain sum of heads and MLPs.</exception>
    /// <exception cref="OptionsException">There are fewer edges than asked for, or an option is impossible.</exception>
    /// <exception cref="PrismaException">
    /// Both runs have the same answer, to within rounding: the divergence is not above 1e-6, or the target's distance not above 1e-5 of it.
    /// </exception>
    public static EdgePruningResult Find(HookedModel model, ModelInput clean, ModelInput corrupt, int edges, Target? target = null, string part = "", EdgePruningOptions? options = null)
    {
        options ??= new EdgePruningOptions();
        options.Check();
        using var scope = NewDisposeScope();
        var graph = StreamGraph.Of(model, clean, part);
        if (edges < 1 || edges > graph.EdgeCount) throw new OptionsException($"Edge pruning: {edges} edges were asked for; the graph has {graph.EdgeCount}.");
        using var run = EdgeRun.Record(model, clean, corrupt, graph, target);
        using var generator = new Generator((ulong)options.Seed);
        var exists = Exists(graph).to(model.Device);
        var loss = new MaskedLoss(run, target is null);
        var gates = nn.Parameter(full([graph.Writers.Count, graph.Readers.Count], options.Start, device: model.Device));
        // One number falls and two climb: the same optimiser, with the sign of their gradients turned.
        var multipliers = nn.Parameter(zeros(2, device: model.Device));
        using var down = optim.Adam([gates], options.LearningRate);
        using var up = optim.Adam([multipliers], options.MultiplierRate);
        using var grad = enable_grad();
        var course = new List<double>();
        for (var step = 0; step < options.Steps; step++)
        {
            options.Stop.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var ramp = options.Ramp > 0 ? Math.Min(1, (step + 1) / (options.Ramp * options.Steps)) : 1;
            var wanted = ramp * (1 - (double)edges / graph.EdgeCount);
            var excess = 1 - (HardConcrete.Open(gates) * exists).sum() / graph.EdgeCount - wanted;
            var behaviour = loss.Of(HardConcrete.Sample(gates, generator));
            var whole = behaviour + multipliers[0] * excess + multipliers[1] * excess * excess;
            down.zero_grad();
            up.zero_grad();
            whole.backward();
            using (no_grad()) multipliers.grad?.neg_();
            var calm = step < options.Ramp * options.Steps ? 1 : Calm(step, options);
            foreach (var group in down.ParamGroups) group.LearningRate = options.LearningRate * calm;
            foreach (var group in up.ParamGroups) group.LearningRate = options.MultiplierRate * calm;
            down.step();
            up.step();
            course.Add(behaviour.item<float>());
            options.Progress?.Report(step + 1);
        }
        using var settled = no_grad();
        return Result(graph, gates, exists, edges, run.Pair.Settled.Name, options.Steps, course);
    }

    // Rates fall to a tenth once the number of edges stands, so that what is left settles.
    private static double Calm(int step, EdgePruningOptions options) => 1 - 0.9 * (step - options.Ramp * options.Steps) / Math.Max(1, (1 - options.Ramp) * options.Steps);

    private static EdgePruningResult Result(StreamGraph graph, Tensor gates, Tensor exists, int edges, string target, int steps, List<double> course)
    {
        var (numbers, settled, there) = (Numbers.Of(gates), Numbers.Of(HardConcrete.Settled(gates)), Numbers.Of(exists));
        var values = new double[graph.Writers.Count, graph.Readers.Count];
        // Shifted so that the largest magnitudes are the gates that are most surely open.
        var least = numbers.Min();
        for (var k = 0; k < numbers.Length; k++) values[k / graph.Readers.Count, k % graph.Readers.Count] = there[k] * ((double)numbers[k] - least);
        var scores = new EdgeScores(graph, values, $"edge pruning, {steps} steps", target) { Forwards = 2 + 2 * steps };
        var open = (HardConcrete.Open(gates) * exists).sum().item<float>();
        var undecided = Enumerable.Range(0, settled.Length).Count(k => there[k] > 0 && settled[k] is > 0 and < 1);
        return new EdgePruningResult(scores, EdgeCircuit.Top(scores, edges).Connected(), open, (double)undecided / graph.EdgeCount, course);
    }

    private static Tensor Exists(StreamGraph graph) => tensor(
        [.. from writer in graph.Writers from reader in graph.Readers select graph.HasEdge(writer, reader) ? 1f : 0f], [graph.Writers.Count, graph.Readers.Count]);

    // How far the model with masked edges is from the whole one, over how far the corrupted run is: one number, differentiable by the gates.
    private sealed class MaskedLoss
    {
        private readonly EdgeRun _run;
        private readonly bool _divergence;
        private readonly Tensor _clean, _gap;

        internal MaskedLoss(EdgeRun run, bool divergence)
        {
            (_run, _divergence) = (run, divergence);
            _clean = (divergence ? Target.LogitsOf(run.Pair.Clean).log_softmax(-1) : run.Pair.Settled.Of(run.Pair.Clean)).detach();
            _gap = Distance(run.Pair.Corrupt).detach();
            // A loss taken over what rounding leaves of equal answers would be noise.
            var rounding = divergence ? 1e-6 : Runs.Rounding * Runs.Rounding * _clean.square().mean().item<float>();
            if (_gap.item<float>() <= rounding) throw new PrismaException("The clean and the corrupted run have the same answer: there is no behaviour to keep. Choose another target or another pair.");
        }

        internal Tensor Of(Tensor gates)
        {
            var cut = 1 - gates;
            var plan = _run.Plan(1, (writer, writers, reader, readers) => cut.narrow(0, writer, writers).narrow(1, reader, readers).unsqueeze(0));
            using var recording = _run.Model.Run(_run.Input, _run.Pair.Settled.Target.Ask(plan).WithInputGradients());
            return Distance(recording) / _gap;
        }

        private Tensor Distance(Recording recording) => _divergence
            ? (_clean.exp() * (_clean - Target.LogitsOf(recording).log_softmax(-1))).sum(-1L).mean()
            : (_run.Pair.Settled.Of(recording) - _clean).square().mean();
    }
}

/// <summary>What edge pruning learned.</summary>
/// <param name="Scores">log α of every gate, moved so that the smallest is 0: larger is more surely open.</param>
/// <param name="Circuit">As many edges as were asked for, those most surely open, without those on no way from the input to the output.</param>
/// <param name="Open">The expected number of open gates at the end.</param>
/// <param name="Undecided">The share of gates that are neither 0 nor 1 without noise.</param>
/// <param name="Course">The loss of the behaviour at every step.</param>
public sealed record EdgePruningResult(EdgeScores Scores, EdgeCircuit Circuit, double Open, double Undecided, IReadOnlyList<double> Course);
