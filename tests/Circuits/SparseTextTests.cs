using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Sparse decompositions over a vocabulary: planted mixtures, the limits of the penalty, and another solver.</summary>
public sealed class SparseTextTests
{
    [Fact]
    public void A_planted_mixture_is_found_and_its_words_can_be_taken_out()
    {
        using var scope = NewDisposeScope();
        var (texts, dictionary, _) = Vocabulary(200, 64);
        using var generator = new Generator(9);
        var mean = nn.functional.normalize(randn(1, 64, generator: generator).to(float64))[0] * 0.8;
        var mixture = nn.functional.normalize(dictionary[3] * 0.7 + dictionary[120] * 0.4 + dictionary[57] * 0.2, dim: 0);
        // What is left when the mean is taken off an embedding of length 1 must point along the mixture.
        var along = (mean * mixture).sum();
        var length = (along.square() + 1 - mean.square().sum()).sqrt() - along;
        var image = (mean + mixture * length).unsqueeze(0);
        Assert.Equal(1, image.norm().item<double>(), 1e-9);
        var weights = SparseTexts.Find(image * 5, texts * 3, mean, penalty: 0.02);
        var found = Tiny.Values(weights[0]);
        int[] order = [.. Enumerable.Range(0, 200).Where(text => found[text] > 0.01).OrderByDescending(text => found[text])];
        Assert.Equal([3, 120, 57], order);
        Assert.Equal(0.7 / 0.4, found[3] / found[120], 0.1);
        var rebuilt = SparseTexts.Rebuild(weights, texts, mean);
        var without = weights.clone();
        without[0, 3].zero_();
        double Along(Tensor embedding, int text) => ((embedding[0] - mean) * dictionary[text]).sum().item<double>();
        var taken = SparseTexts.Rebuild(without, texts, mean);
        Assert.True(Along(taken, 3) < 0.4 * Along(rebuilt, 3) && Along(taken, 120) > Along(rebuilt, 120));
        Assert.Equal(1, taken.norm().item<double>(), 1e-9);
    }

    [Fact]
    public void A_larger_penalty_leaves_fewer_words_and_in_the_end_none()
    {
        using var scope = NewDisposeScope();
        var (texts, _, images) = Vocabulary(300, 32);
        var counts = new[] { 0.01, 0.1, 0.3, 2.1 }.Select(penalty =>
        {
            var weights = SparseTexts.Find(images, texts, penalty: penalty);
            Assert.True(weights.min().item<double>() >= 0);
            return weights.gt(0).sum().item<long>();
        }).ToList();
        Assert.True(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 0, string.Join(", ", counts));
        Assert.Equal(0, counts[3]);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.25)]
    public void Another_solver_comes_to_the_same_sum(double penalty)
    {
        using var scope = NewDisposeScope();
        var (texts, dictionary, images) = Vocabulary(150, 32);
        var unit = nn.functional.normalize(images.to(float64));
        var targets = nn.functional.normalize(unit - unit.mean([0], keepdim: true));
        double Sum(Tensor weights) => ((weights.matmul(dictionary) - targets).square().sum() + weights.abs().sum() * penalty).item<double>() / images.shape[0];
        var weights = SparseTexts.Find(images, texts, penalty: penalty);
        // ADMM with ρ = 5, as the authors' other solver; its matrix is inverted by its eigenvectors.
        const double Rho = 5;
        var (values, vectors) = linalg.eigh(dictionary.matmul(dictionary.t()) * 2);
        var inverse = (vectors / (values + Rho)).matmul(vectors.t());
        var (u, y) = (zeros_like(weights), zeros_like(weights));
        for (var k = 0; k < 4000; k++)
        {
            using var inner = NewDisposeScope();
            var x = (targets.matmul(dictionary.t()) * 2 + (u - y) * Rho).matmul(inverse);
            (u, y) = ((x + y - penalty / Rho).clamp_min(0), y + x);
            y = y - u;
            u.MoveToOtherDisposeScope(scope);
            y.MoveToOtherDisposeScope(scope);
        }
        Assert.Equal(Sum(u), Sum(weights), 1e-4);
        Assert.True(Sum(weights) <= Sum(u) + 1e-7);
        Assert.True(Sum(weights) < Sum(zeros_like(weights)));
    }

    [Fact]
    public void What_cannot_be_decomposed_is_refused()
    {
        using var scope = NewDisposeScope();
        var (texts, _, images) = Vocabulary(10, 8);
        Assert.Throws<OptionsException>(() => SparseTexts.Find(images, texts, penalty: 0));
        Assert.Throws<ShapeException>(() => SparseTexts.Find(images.narrow(0, 0, 1), texts));
        Assert.Throws<ShapeException>(() => SparseTexts.Find(images.narrow(1, 0, 4), texts));
        Assert.Throws<ShapeException>(() => SparseTexts.Find(images, texts, zeros(9)));
        Assert.Throws<ShapeException>(() => SparseTexts.Rebuild(zeros(2, 9), texts, zeros(8)));
    }

    // Texts, the same as the dictionary of the method by hand, and pictures.
    private static (Tensor Texts, Tensor Dictionary, Tensor Images) Vocabulary(int count, int width)
    {
        using var generator = new Generator(4);
        var (texts, images) = (randn(count, width, generator: generator) + 1, randn(12, width, generator: generator) - 2);
        var unit = nn.functional.normalize(texts.to(float64));
        return (texts, nn.functional.normalize(unit - unit.mean([0], keepdim: true)), images);
    }
}
