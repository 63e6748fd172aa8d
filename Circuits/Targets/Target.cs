using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What is to be explained: one number per example, read from a recording and differentiable by what the recording kept. Part of every
/// attribution method; the default is the logit of the class that the model chose.
/// </summary>
public abstract class Target
{
    /// <summary>In words, for legends and reports.</summary>
    public abstract string Name { get; }

    /// <summary>A place inside the model that the number is read from; null where it is read from the outputs.</summary>
    public virtual HookSite? ReadsAt => null;

    /// <summary>The plan with what a pass must keep so that the number can be read.</summary>
    public virtual HookPlan Ask(HookPlan plan) => ReadsAt is { } site ? plan.Keep(site) : plan;

    /// <summary>The same for a pass that is differentiated.</summary>
    public virtual HookPlan AskForGradients(HookPlan plan) => ReadsAt is { } site ? plan.WithGradients(site) : plan;

    /// <summary>The number of each example, [B]. The caller (or its scope) disposes it.</summary>
    public abstract Tensor Of(Recording recording);

    /// <summary>
    /// The target for one example, with everything fixed that depends on the unchanged picture (the class it was given), so that changed
    /// copies of that picture are asked the same question.
    /// </summary>
    /// <param name="plain">A pass on the unchanged batch.</param>
    /// <param name="example">Which of its examples.</param>
    public virtual Target Settle(Recording plain, int example) => this;

    /// <summary>The target as deletion and insertion curves plot it: probabilities in place of logits, otherwise the same.</summary>
    public virtual Target ForCurves => this;

    /// <summary>The class logits [B, C] of a recording.</summary>
    /// <exception cref="PrismaException">The model has none.</exception>
    protected static Tensor Logits(Recording recording) => LogitsOf(recording);

    internal static Tensor LogitsOf(Recording recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        foreach (var name in new[] { "logits", "logits_per_image" })
            if (recording.Outputs.TryGetValue(name, out var logits) && logits.dim() == 2) return logits;
        throw new PrismaException(
            $"The model gives no class logits (outputs: {string.Join(", ", recording.Outputs.Keys)}). Explain the similarity with a text ('text:…') or a feature ('feature:SITE:NUMBER') instead.");
    }

    /// <summary>Refuses a class that the logits do not have.</summary>
    protected static int Checked(int index, Tensor logits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        return index >= 0 && index < logits.shape[1]
            ? index
            : throw new OptionsException($"There is no class {index}: the model has {logits.shape[1]} (0 to {logits.shape[1] - 1}).");
    }
}
