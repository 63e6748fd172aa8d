using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Statistics of one feature's weights on all classes.</summary>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation.</param>
/// <param name="Skewness">E[(w − mean)³]/σ³: positive where few classes are promoted, negative where few are suppressed.</param>
/// <param name="Kurtosis">E[(w − mean)⁴]/σ⁴: high where few classes stand out.</param>
public readonly record struct WeightStatistics(double Mean, double Deviation, double Skewness, double Kurtosis);

/// <summary>
/// What the features of a coder of the residual stream promote by their weights alone: each direction through the final norm (its gain and
/// its centring, not its scale, which depends on the input) and the head.
/// </summary>
public static class FeatureLogits
{
    /// <summary>The weights [F, outputs]. The caller (or its scope) disposes them.</summary>
    /// <exception cref="NotApplicableException">The model does not end in a linear head on its residual stream.</exception>
    /// <exception cref="ShapeException">The coder writes another width.</exception>
    public static Tensor Of(ISparseCoder coder, HookedModel model)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(model);
        var readout = LogitDirection.Readout(model);
        if (coder.Card.Outputs != readout.FinalNorm.Width)
            throw new ShapeException($"{coder.Card.Name} writes vectors of {coder.Card.Outputs}; the stream that {model.Card.Name} reads has {readout.FinalNorm.Width}.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var normed = readout.FinalNorm.WithScale(coder.Directions, ones(1, device: coder.Directions.device));
        return normed.matmul(readout.Readout!.Matrix.Value.t()).MoveToOuterDisposeScope();
    }

    /// <summary>Mean, deviation, skewness and kurtosis of a feature's weights.</summary>
    public static WeightStatistics Statistics(IReadOnlyList<float> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var mean = weights.Average(weight => (double)weight);
        double Moment(int power) => weights.Average(weight => Math.Pow(weight - mean, power));
        var deviation = Math.Sqrt(Moment(2));
        return new WeightStatistics(mean, deviation, Moment(3) / Math.Pow(deviation, 3), Moment(4) / Math.Pow(deviation, 4));
    }

    /// <summary>
    /// Whether the classes of a set stand together at the top or the bottom of a feature's weights (enrichment, as in gene set analysis): the
    /// largest deviation of the running sum, +1/|S| at members and −1/(C − |S|) at others; 1 where the set is the top, −1 where it is the bottom.
    /// </summary>
    /// <exception cref="OptionsException">The set is empty or everything.</exception>
    public static double Enrichment(IReadOnlyList<float> weights, IReadOnlySet<int> set)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(set);
        var members = set.Count(index => index >= 0 && index < weights.Count);
        if (members == 0 || members == weights.Count) throw new OptionsException($"Enrichment needs a set with some of the {weights.Count} classes; it has {members}.");
        double sum = 0, best = 0;
        foreach (var index in Enumerable.Range(0, weights.Count).OrderByDescending(k => weights[k]))
        {
            sum += set.Contains(index) ? 1.0 / members : -1.0 / (weights.Count - members);
            if (Math.Abs(sum) > Math.Abs(best)) best = sum;
        }
        return best;
    }
}
