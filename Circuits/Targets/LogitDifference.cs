using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The logit of one class minus that of another: what speaks for the first and against the second.</summary>
/// <param name="plus">The class in favour of which positive values speak.</param>
/// <param name="minus">The other class.</param>
/// <param name="labels">For the name.</param>
public sealed class LogitDifference(int plus, int minus, IReadOnlyList<string>? labels = null) : Target
{
    /// <inheritdoc/>
    public override string Name => $"class {ClassName.Of(plus, labels ?? [])} minus class {ClassName.Of(minus, labels ?? [])}";

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        using var scope = NewDisposeScope();
        var logits = Logits(recording);
        return (logits.select(1, Checked(plus, logits)) - logits.select(1, Checked(minus, logits))).MoveToOuterDisposeScope();
    }
}
