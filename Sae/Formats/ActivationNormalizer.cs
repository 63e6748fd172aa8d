using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The normaliser that forks of dictionary_learning store beside the weights: (x − mean)·scale on the way in, its inverse on the way out. NaN
/// stands for none. It is the same for all vectors, so it is folded into the weights.
/// </summary>
internal static class ActivationNormalizer
{
    private const double Epsilon = 1e-8;
    private static readonly string[] s_names = ["activation_mean", "activation_std", "activation_global_scale", "target_rms"];

    /// <summary>Takes the normaliser, where there is one, and folds it: <paramref name="shape"/> is that of the activations, [d] or [sites, d].</summary>
    internal static CoderWeights Fold(CoderReading reading, CoderWeights weights, params long[] shape)
    {
        var tensors = reading.Tensors;
        tensors.Ignore(s_names);
        if (!tensors.Has("activation_mean") || !tensors.Has("activation_std")) return weights;
        var (mean, std) = (tensors.Take("activation_mean", shape), tensors.Take("activation_std", shape));
        if (mean.isnan().any().item<bool>() || std.isnan().any().item<bool>()) return weights;
        mean = mean.flatten();
        if (!tensors.Has("activation_global_scale") || reading.Config.Flag("keep_relative_variance", "trainer.keep_relative_variance") is false)
        {
            var deviation = std.flatten() + Epsilon;
            return weights.FoldAffine(deviation.reciprocal(), mean, deviation, mean);
        }
        var scale = tensors.Take("activation_global_scale", shape[..^1]).unsqueeze(-1).expand(shape).flatten();
        return weights.FoldAffine(scale, mean, (scale + Epsilon).reciprocal(), mean);
    }
}
