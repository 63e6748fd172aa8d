using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Computes the loss that <see cref="AuxOptions"/> describes.</summary>
internal static class DeadLoss
{
    // A batch that is predicted without error has no variance to divide by.
    private const double Tiny = 1e-30;

    /// <summary>The loss; null where no feature is dead or it is switched off.</summary>
    /// <param name="options">Which.</param>
    /// <param name="forward">The batch.</param>
    /// <param name="dead">Dead features: bool [F].</param>
    /// <param name="error">What is to be predicted, y − x̂ [n, d]; a constant.</param>
    /// <param name="target">The coder's target [n, d].</param>
    /// <param name="bias">The decoder's bias.</param>
    internal static Tensor? Of(AuxOptions options, SelectiveForward forward, Tensor dead, Func<Tensor> error, Tensor target, Tensor bias)
    {
        if (options.Weight == 0) return null;
        var number = dead.sum().item<long>();
        if (number == 0 && options.Candidates != AuxCandidates.PositiveOrZero) return null;
        var left = error();
        var wanted = options.K ?? (int)Math.Max(1, left.shape[1] / 2);
        var written = forward.WrittenByDead(options, dead, number, wanted);
        var goal = options.TargetsBias ? left + bias.detach() : left;
        var squares = ((options.AddsBias ? written + bias : written) - goal).square().sum();
        var scaled = options.Scale switch
        {
            AuxScale.ErrorVariance => squares / Reconstruction.Spread(goal).clamp_min(Tiny),
            AuxScale.TargetVariance => squares / Reconstruction.Spread(target).clamp_min(Tiny),
            _ => squares / left.shape[0],
        };
        var share = options.ShrinksWithFewDead ? Math.Min(1, number / (double)wanted) : 1;
        return scaled * share;
    }
}
