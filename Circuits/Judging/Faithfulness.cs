using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Comprehensiveness and sufficiency (DeYoung et al. 2020, ERASER) by patches: means over the most important 1, 5, 10, 20 and 50 % (one patch
/// at least) of how far the target falls without them, and of how far it falls with them alone. What is taken away is zero after normalisation.
/// </summary>
/// <param name="Comprehensiveness">Mean of y(x) − y(x without them): high for a good map.</param>
/// <param name="Sufficiency">Mean of y(x) − y(they alone): low for a good map.</param>
public sealed record Faithfulness(double Comprehensiveness, double Sufficiency)
{
    private static readonly double[] s_shares = [0.01, 0.05, 0.1, 0.2, 0.5];

    /// <summary>Measures one map.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pixels">One picture [1, C, H, W]. Borrowed.</param>
    /// <param name="map">Its map.</param>
    /// <param name="target">Null: the class that the model chose. Logits are followed as probabilities.</param>
    /// <param name="batch">Pictures in one pass.</param>
    public static Faithfulness Of(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int batch = 32)
    {
        ArgumentNullException.ThrowIfNull(model);
        var patches = new ChangedPatches("Comprehensiveness and sufficiency", model, pixels, map, (target ?? new ChosenClass(model.Card.Labels)).ForCurves, batch);
        IEnumerable<int> Top(int k) => patches.Order.Take(Math.Max(1, (int)Math.Round(s_shares[k] * patches.Order.Length)));
        var without = patches.Scores(s_shares.Length, Top, removed => pixels - pixels * removed);
        var alone = patches.Scores(s_shares.Length, Top, kept => pixels * kept);
        return new Faithfulness(patches.Plain - without.Average(), patches.Plain - alone.Average());
    }
}
