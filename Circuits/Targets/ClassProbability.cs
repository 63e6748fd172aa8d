using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The softmax probability of one class, for curves; its gradient vanishes where the model is sure.</summary>
/// <param name="index">The class; null: the one that the model chose on the unchanged picture.</param>
/// <param name="labels">For the name.</param>
public sealed class ClassProbability(int? index, IReadOnlyList<string>? labels = null) : Target
{
    /// <inheritdoc/>
    public override string Name => index is { } known ? $"probability of class {ClassName.Of(known, labels ?? [])}" : "probability of the class that the model chose";

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        using var scope = NewDisposeScope();
        var logits = Logits(recording);
        var probabilities = logits.softmax(1);
        return (index is { } known ? probabilities.select(1, Checked(known, logits)) : probabilities.amax(1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Target Settle(Recording plain, int example)
    {
        if (index is not null) return this;
        using var scope = NewDisposeScope();
        return new ClassProbability((int)Logits(plain)[example].argmax().item<long>(), labels);
    }
}
