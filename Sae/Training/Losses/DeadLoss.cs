using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Computes the loss that <see cref="AuxOptions"/> describes.</summary>
internal static class DeadLoss
{
    // A batch that is predicted without error has no variance to divide by.
    private const double Tiny = 1e-30;

    /// <summary>The loss; null where no feature is dead or it is switched off.</summary>
    /// <param name="options">Which.</param>
    /// <param name="pre">Pre-activations [n, F], in the units in which features are ranked.</param>
    /// <param name="dead">Dead features: bool [F].</param>
    /// <param name="error">What is to be predicted, y − x̂ [n, d]; a constant.</param>
    /// <param name="target">The coder's target [n, d].</param>
    /// <param name="decode">Codes [n, F] to a prediction without the bias.</param>
    /// <param name="bias">The decoder's bias.</param>
    internal static Tensor? Of(AuxOptions options, Tensor pre, Tensor dead, Tensor error, Tensor target, Func<Tensor, Tensor> decode, Tensor bias)
    {
        var number = dead.sum().item<long>();
        if (options.Weight == 0 || (number == 0 && options.Candidates != AuxCandidates.PositiveOrZero)) return null;
        var wanted = options.K ?? Math.Max(1, error.shape[1] / 2);
        var candidates = options.TrainsEncoder ? pre : pre.detach();
        var codes = options.Candidates == AuxCandidates.PositiveOrZero
            ? Largest.OfRows(candidates.relu() * dead.to(pre.dtype), (int)Math.Min(wanted, pre.shape[1]))
            : Largest.OfRows((options.Candidates == AuxCandidates.Raw ? candidates : candidates.relu()).masked_fill(dead.logical_not(), double.NegativeInfinity), (int)Math.Min(wanted, number));
        var goal = options.TargetsBias ? error + bias.detach() : error;
        var guess = options.AddsBias ? decode(codes) + bias : decode(codes);
        var squares = (guess - goal).square().sum();
        var scaled = options.Scale switch
        {
            AuxScale.ErrorVariance => squares / Reconstruction.Spread(goal).clamp_min(Tiny),
            AuxScale.TargetVariance => squares / Reconstruction.Spread(target).clamp_min(Tiny),
            _ => squares / error.shape[0],
        };
        var share = options.ShrinksWithFewDead ? Math.Min(1, number / (double)wanted) : 1;
        return scaled * share;
    }
}
