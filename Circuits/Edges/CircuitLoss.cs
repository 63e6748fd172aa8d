using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How far a circuit's answers lie from the whole model's: KL divergence of class probabilities, or distance of a target.</summary>
internal sealed class CircuitLoss : IDisposable
{
    private readonly EdgeRun _run;
    private readonly Tensor? _logProbabilities;
    private readonly double[] _clean;

    internal CircuitLoss(EdgeRun run, bool divergence)
    {
        _run = run;
        _clean = divergence ? [] : run.Pair.Scores(run.Pair.Clean);
        if (!divergence) return;
        using var scope = NewDisposeScope();
        _logProbabilities = Logits(run.Pair.Clean).log_softmax(-1).DetachFromDisposeScope();
    }

    /// <summary>The loss of each circuit, mean over the examples.</summary>
    internal double[] Of(IReadOnlyList<EdgeCircuit> circuits) => _logProbabilities is null
        ? [.. _run.Targets(circuits).Select(values => values.Zip(_clean, (value, clean) => Math.Abs(value - clean)).Average())]
        : [.. _run.Read(circuits, Divergences).Select(values => values.Average())];

    public void Dispose() => _logProbabilities?.Dispose();

    private float[] Divergences(Recording recording)
    {
        using var scope = NewDisposeScope();
        var own = Logits(recording).log_softmax(-1);
        var clean = Copies.Of(_logProbabilities!, (int)(own.shape[0] / _logProbabilities!.shape[0]));
        return Numbers.Of((clean.exp() * (clean - own)).sum(-1L));
    }

    private static Tensor Logits(Recording recording) => Target.LogitsOf(recording);
}
