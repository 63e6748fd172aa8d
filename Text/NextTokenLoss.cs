using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>How surprised a language model is: minus the log-probability of each next token, in nats.</summary>
public static class NextTokenLoss
{
    /// <summary>Per predicted token [B, P − 1]; the caller disposes it.</summary>
    /// <param name="logits">[B, P, V].</param>
    /// <param name="ids">[B, P].</param>
    /// <exception cref="ShapeException">They do not fit, or there is no next token.</exception>
    public static Tensor PerToken(Tensor logits, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(ids);
        if (logits.ndim != 3 || ids.ndim != 2 || logits.shape[0] != ids.shape[0] || logits.shape[1] != ids.shape[1] || ids.shape[1] < 2)
            throw new ShapeException($"Next-token loss: logits [{string.Join(", ", logits.shape)}] and ids [{string.Join(", ", ids.shape)}]; [B, P, V] and [B, P] with P > 1 are needed.");
        using var scope = NewDisposeScope();
        var predicted = ids.shape[1] - 1;
        var next = ids.narrow(1, 1, predicted).to(ScalarType.Int64).unsqueeze(-1);
        return logits.narrow(1, 0, predicted).log_softmax(-1).gather(2, next).squeeze(-1).neg().MoveToOuterDisposeScope();
    }

    /// <summary>The mean over all predicted tokens of a text.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="ids">[B, P].</param>
    /// <param name="plan">What is edited meanwhile; nothing where null.</param>
    public static double Of(CausalLm model, Tensor ids, HookPlan? plan = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        using var recording = model.Run(ids, plan ?? HookPlan.Empty);
        return PerToken(recording.Outputs["logits"], ids.to(recording.Outputs["logits"].device)).mean().item<float>();
    }
}
