using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Whether a head writes what it reads, by its weights alone (Elhage et al. 2021): Σ λ / Σ |λ| over the eigenvalues of W_V·W_O: 1 where every
/// direction comes out as itself, −1 where it comes out reversed, about 0 where directions become others. Of language models the way from token to token
/// can be asked instead, W_E·W_V·W_O·W_U.
/// </summary>
public static class CopyingScores
{
    /// <summary>The score of one head's map; NaN where it writes nothing.</summary>
    /// <param name="ov">W_V·W_O, see <see cref="HeadCircuits.Ov"/>. Borrowed.</param>
    /// <param name="around">W_U·W_E, [d, d], from what is written back to what is read; null: the stream itself.</param>
    /// <exception cref="ShapeException">The map does not lead back into the space it came from.</exception>
    public static double Of(FactoredMatrix ov, Tensor? around = null)
    {
        ArgumentNullException.ThrowIfNull(ov);
        if (ov.A.shape[0] != ov.B.shape[1]) throw new ShapeException($"A copying score needs a map from a space into itself; got one from {ov.A.shape[0]} to {ov.B.shape[1]}.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        // A·B and the small B·A have the same eigenvalues, zeros aside.
        var written = around is null ? ov.B.to(float64) : ov.B.to(float64).matmul(around.to(float64));
        var small = written.matmul(ov.A.to(float64)).cpu().contiguous();
        var (numbers, size) = (small.data<double>().ToArray(), (int)small.shape[0]);
        var matrix = new double[size, size];
        Buffer.BlockCopy(numbers, 0, matrix, 0, numbers.Length * sizeof(double));
        var values = Eigenvalues.Of(matrix);
        var all = values.Sum(value => value.Magnitude);
        return all > 0 ? values.Sum(value => value.Real) / all : double.NaN;
    }

    /// <summary>The score of every head of a part, in forward order; NaN where the weights alone do not say what a head writes.</summary>
    public static IReadOnlyList<(int Layer, int Head, double Score)> Of(HookedModel model, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        var scores = new List<(int, int, double)>();
        foreach (var (layer, attention) in model.InBlocks<Attention>(part))
            for (var head = 0; head < attention.Heads; head++)
                scores.Add((layer, head, Of(attention, head)));
        return scores;
    }

    /// <summary>The score of one head by its weights; NaN where a norm stands between what the block's heads read and what they write.</summary>
    public static double Of(Attention attention, int head)
    {
        ArgumentNullException.ThrowIfNull(attention);
        if (attention.InnerNorm is not null) return double.NaN;
        using var ov = HeadCircuits.Ov(attention, head);
        return Of(ov);
    }
}
