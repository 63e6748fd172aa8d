using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A text that spans part of a head's output.</summary>
/// <param name="Text">Its number in the list.</param>
/// <param name="Deviation">The standard deviation over pictures of the head's output along it, when it was chosen.</param>
public readonly record struct SpanningText(int Text, double Deviation);

/// <summary>
/// TextSpan (Gandelsman, Efros and Steinhardt 2024): texts whose directions together carry a head's output over many pictures, found
/// greedily: the one along which the outputs vary most, taken away from outputs and texts, and again.
/// </summary>
public static class TextSpan
{
    /// <summary>The texts of a head, first the one that carries most.</summary>
    /// <param name="outputs">[pictures, e]: the head's contribution to each embedding, see <see cref="ImageDecomposition.Heads"/>.</param>
    /// <param name="texts">[texts, e]: embeddings of candidate descriptions.</param>
    /// <param name="count">How many texts to find.</param>
    /// <param name="rank">Texts are first projected onto so many main directions of the outputs (80 as published: the rank of OV); null: not.</param>
    /// <returns>The texts, and the share of the outputs' variance that they carry together.</returns>
    /// <exception cref="ShapeException">Widths differ, or there are fewer than two pictures.</exception>
    public static (IReadOnlyList<SpanningText> Texts, double Explained) Find(Tensor outputs, Tensor texts, int count = 10, int? rank = 80)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(texts);
        if (outputs.ndim != 2 || texts.ndim != 2 || outputs.shape[1] != texts.shape[1] || outputs.shape[0] < 2)
            throw new ShapeException($"TextSpan needs outputs [pictures ≥ 2, e] and texts [texts, e]; got [{string.Join(", ", outputs.shape)}] and [{string.Join(", ", texts.shape)}].");
        if (count < 1) throw new OptionsException($"TextSpan: {count} texts were asked for; at least 1.");
        using var scope = NewDisposeScope();
        var (data, left) = (outputs.to(float64), texts.to(float64));
        if (rank is { } r)
        {
            var (_, _, turn) = linalg.svd(data, fullMatrices: false);
            var main = turn.narrow(0, 0, Math.Min(r, turn.shape[0]));
            left = left.matmul(main.t()).matmul(main);
        }
        data -= data.mean([0], keepdim: true);
        var all = data.square().sum().item<double>();
        var found = new List<SpanningText>();
        for (var k = 0; k < Math.Min(count, texts.shape[0]); k++)
        {
            var deviations = data.matmul(left.t()).std(0L);
            var best = (int)deviations.argmax().item<long>();
            var direction = left[best];
            var length = direction.square().sum();
            // Nothing is left along any text.
            if (length.item<double>() < 1e-24 || deviations[best].item<double>() < 1e-12) break;
            found.Add(new SpanningText(best, deviations[best].item<double>()));
            data -= (data.matmul(direction) / length).unsqueeze(1) * direction;
            left -= (left.matmul(direction) / length).unsqueeze(1) * direction;
        }
        return (found, all > 0 ? 1 - data.square().sum().item<double>() / all : 0);
    }
}
