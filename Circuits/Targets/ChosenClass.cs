using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The largest logit of each example: what the model itself answers. Changed copies are asked for the original's class.</summary>
public sealed class ChosenClass(IReadOnlyList<string>? labels = null) : Target
{
    /// <inheritdoc/>
    public override string Name => "the class that the model chose";

    /// <inheritdoc/>
    public override Target ForCurves => new ClassProbability(null, labels);

    /// <inheritdoc/>
    public override Tensor Of(Recording recording) => Logits(recording).amax(1);

    /// <inheritdoc/>
    public override Target Settle(Recording plain, int example)
    {
        using var scope = NewDisposeScope();
        return new ClassLogit((int)Logits(plain)[example].argmax().item<long>(), labels);
    }
}
