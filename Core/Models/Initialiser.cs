using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Random weights from a seed, in the manner of ViT: matrices normal with σ = 0.02 (or wider for tests), gains one, biases zero.</summary>
public static class Initialiser
{
    /// <summary>Fills every weight of a module.</summary>
    /// <param name="module">Whose weights are set.</param>
    /// <param name="seed">The same seed gives the same weights.</param>
    /// <param name="deviation">σ of matrices and tables; a tenth of it jitters gains and biases, so that tests notice if one is dropped.</param>
    public static void Fill(Module module, long seed, double deviation = 0.2)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        foreach (var (name, weight) in module.Weights)
        {
            var value = randn([.. weight.Shape], generator: generator);
            value.mul_(weight.Shape.Count > 1 ? deviation : deviation / 2);
            if ((name.Contains("ln", StringComparison.Ordinal) || name.Contains("norm", StringComparison.Ordinal)) && name.EndsWith("weight", StringComparison.Ordinal)) value.add_(1);
            weight.Set(value);
        }
    }
}
