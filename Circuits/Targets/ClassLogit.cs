using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The logit of one class.</summary>
/// <param name="index">The class.</param>
/// <param name="labels">For the name.</param>
public sealed class ClassLogit(int index, IReadOnlyList<string>? labels = null) : Target
{
    /// <summary>The class.</summary>
    public int Index { get; } = index;

    /// <inheritdoc/>
    public override string Name => $"class {ClassName.Of(Index, labels ?? [])}";

    /// <inheritdoc/>
    public override Target ForCurves => new ClassProbability(Index, labels);

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        var logits = Logits(recording);
        return logits.select(1, Checked(Index, logits));
    }
}
