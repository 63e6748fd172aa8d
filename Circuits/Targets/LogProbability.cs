using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The log-probability of one class: unlike its logit, it knows about the other classes.</summary>
/// <param name="index">The class.</param>
/// <param name="labels">For the name.</param>
public sealed class LogProbability(int index, IReadOnlyList<string>? labels = null) : Target
{
    /// <inheritdoc/>
    public override string Name => $"log-probability of class {ClassName.Of(index, labels ?? [])}";

    /// <inheritdoc/>
    public override Target ForCurves => new ClassProbability(index, labels);

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        using var scope = NewDisposeScope();
        var logits = Logits(recording);
        return logits.log_softmax(1).select(1, Checked(index, logits)).MoveToOuterDisposeScope();
    }
}
