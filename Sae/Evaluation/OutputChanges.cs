using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Distances between outputs that need no labels. Computed in double precision.</summary>
public static class OutputChanges
{
    /// <summary>KL(p_plain ‖ p_changed) of class or token distributions: logits [..., C] to [all leading axes].</summary>
    public static OutputChange Kl(string output = "logits") => (plain, changed) =>
    {
        using var scope = NewDisposeScope();
        var (p, q) = (Rows(plain, output).log_softmax(-1), Rows(changed, output).log_softmax(-1));
        return (p.exp() * (p - q)).sum(1).MoveToOuterDisposeScope();
    };

    /// <summary>1 where the most probable class is another one, else 0.</summary>
    public static OutputChange Disagreement(string output = "logits") => (plain, changed) =>
    {
        using var scope = NewDisposeScope();
        return Rows(plain, output).argmax(1).ne(Rows(changed, output).argmax(1)).to(float64).MoveToOuterDisposeScope();
    };

    /// <summary>1 − cosine of an output's vectors.</summary>
    public static OutputChange CosineDistance(string output) => (plain, changed) =>
    {
        using var scope = NewDisposeScope();
        var (a, b) = (Rows(plain, output), Rows(changed, output));
        return (1 - (a * b).sum(1) / (a.norm(1) * b.norm(1)).clamp_min(1e-300)).MoveToOuterDisposeScope();
    };

    private static Tensor Rows(Recording recording, string name) => recording.Outputs.TryGetValue(name, out var found) && found.ndim >= 2
        ? found.to(float64).flatten(0, -2)
        : throw new OptionsException($"The model has no output '{name}' of vectors; it has {string.Join(", ", recording.Outputs.Keys)}.");
}
