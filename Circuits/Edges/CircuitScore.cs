using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How much of a behaviour a circuit keeps when everything outside it is corrupted.</summary>
/// <param name="Edges">Its number of edges.</param>
/// <param name="AllEdges">Those of the whole graph.</param>
/// <param name="Full">The target of the whole model, mean over the examples.</param>
/// <param name="Empty">The target with every edge corrupted.</param>
/// <param name="Kept">The target with only the circuit clean.</param>
/// <param name="Complement">The target with only the circuit corrupted.</param>
public sealed record CircuitScore(int Edges, int AllEdges, double Full, double Empty, double Kept, double Complement)
{
    /// <summary>(kept − empty) / (full − empty): 1 where the circuit alone does it all; may exceed 1.</summary>
    public double Faithfulness => (Kept - Empty) / (Full - Empty);

    /// <summary>The same for everything but the circuit: near 0 where nothing that matters is missing from it.</summary>
    public double Completeness => (Complement - Empty) / (Full - Empty);

    /// <summary>Measures a circuit.</summary>
    public static CircuitScore Of(HookedModel model, ModelInput clean, ModelInput corrupt, EdgeCircuit circuit, Target? target = null, PatchOptions? options = null) =>
        Of(model, clean, corrupt, [circuit], target, options)[0];

    /// <summary>Measures several circuits of one graph together.</summary>
    /// <exception cref="PrismaException">Both runs have the same target, to within rounding (1e-5 of it), so there is no behaviour to keep.</exception>
    public static IReadOnlyList<CircuitScore> Of(HookedModel model, ModelInput clean, ModelInput corrupt, IReadOnlyList<EdgeCircuit> circuits, Target? target = null, PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(circuits);
        if (circuits.Count == 0) return [];
        using var scope = NewDisposeScope();
        var graph = circuits[0].Graph;
        using var run = EdgeRun.Record(model, clean, corrupt, graph, target, options);
        // Asked of the runs themselves: the whole and the empty circuit are rounded differently even where the runs are one.
        var (full, empty) = (run.Pair.Scores(run.Pair.Clean), run.Pair.Scores(run.Pair.Corrupt));
        if (Runs.Alike(full, empty)) throw new PrismaException($"The clean and the corrupted run have the same target ({full.Average():g6}): there is no behaviour to keep. Choose another target or another pair.");
        double[] means = [.. run.Targets([EdgeCircuit.All(graph), EdgeCircuit.None(graph), .. circuits, .. circuits.Select(circuit => circuit.Complement())]).Select(values => values.Average())];
        return [.. circuits.Select((circuit, k) => new CircuitScore(circuit.Count, graph.EdgeCount, means[0], means[1], means[2 + k], means[2 + circuits.Count + k]))];
    }
}
