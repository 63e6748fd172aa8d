using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// SpLiCE (Bhalla et al. 2024): an image embedding as a sparse sum, nothing negative, of text embeddings. The modalities lie apart, so both sides
/// are brought to length 1, freed of their own mean and brought to length 1 again; then w = argmin over w ≥ 0 of ‖Cᵀw − z‖² + λ·Σw.
/// </summary>
public static class SparseTexts
{
    /// <summary>A λ that leaves lists of words short enough to read. The authors' code has 0.01, which leaves long ones.</summary>
    public const double UsualPenalty = 0.25;

    private const double Tolerance = 1e-9;
    private const int Rounds = 10_000;

    /// <summary>The weight of each text in each picture: [pictures, texts], float64, most of them zero. The caller (or its scope) disposes it.</summary>
    /// <param name="images">[pictures, e]: embeddings. Borrowed.</param>
    /// <param name="texts">[texts, e]: embeddings of the vocabulary; two or more. Borrowed.</param>
    /// <param name="imageMean">[e]: the mean of unit embeddings over many pictures; null: over these, of which there must be two then.</param>
    /// <param name="penalty">λ, above 0: the larger, the fewer words.</param>
    /// <exception cref="ShapeException">Widths differ, or there are too few texts or pictures.</exception>
    /// <exception cref="OptionsException">λ is not above 0.</exception>
    public static Tensor Find(Tensor images, Tensor texts, Tensor? imageMean = null, double penalty = UsualPenalty)
    {
        Check(images, texts, imageMean);
        if (!(penalty > 0)) throw new OptionsException($"The penalty is {penalty}, must be above 0.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var dictionary = Dictionary(texts);
        var targets = nn.functional.normalize(Unit(images) - (imageMean ?? MeanOf(images)).to(float64).to(images.device));
        var atoms = dictionary.cpu().contiguous().data<double>().ToArray();
        var (count, width) = ((int)texts.shape[0], (int)texts.shape[1]);
        var found = targets.cpu().unbind(0).SelectMany(target => Solve(dictionary, atoms, target.contiguous(), penalty, count, width)).ToArray();
        return tensor(found, [images.shape[0], count]).to(images.device).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The embeddings that weights stand for, of length 1: [pictures, e], float64. Weights set to zero take their words out of a picture. The
    /// caller (or its scope) disposes it.
    /// </summary>
    /// <param name="weights">[pictures, texts].</param>
    /// <param name="texts">[texts, e], as given to <see cref="Find"/>.</param>
    /// <param name="imageMean">[e]: the mean that was taken off, see <see cref="MeanOf"/>.</param>
    public static Tensor Rebuild(Tensor weights, Tensor texts, Tensor imageMean)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(imageMean);
        if (weights.ndim != 2 || weights.shape[1] != texts.shape[0]) throw new ShapeException($"Weights [{string.Join(", ", weights.shape)}] are not those of {texts.shape[0]} texts.");
        using var scope = NewDisposeScope();
        var direction = nn.functional.normalize(weights.to(float64).matmul(Dictionary(texts)));
        return nn.functional.normalize(direction + imageMean.to(float64)).MoveToOuterDisposeScope();
    }

    /// <summary>The mean of unit embeddings [pictures, e]: [e], float64. The caller (or its scope) disposes it.</summary>
    public static Tensor MeanOf(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var scope = NewDisposeScope();
        return Unit(images).mean([0]).MoveToOuterDisposeScope();
    }

    private static void Check(Tensor images, Tensor texts, Tensor? imageMean)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(texts);
        if (images.ndim != 2 || texts.ndim != 2 || images.shape[1] != texts.shape[1] || texts.shape[0] < 2 || images.shape[0] < (imageMean is null ? 2 : 1))
            throw new ShapeException($"Sparse texts need pictures [2 or more, or a mean of others, e] and texts [2 or more, e]; got [{string.Join(", ", images.shape)}] and [{string.Join(", ", texts.shape)}].");
        if (imageMean is not null && (imageMean.ndim != 1 || imageMean.shape[0] != images.shape[1]))
            throw new ShapeException($"The mean is [{string.Join(", ", imageMean.shape)}], embeddings have {images.shape[1]} values.");
    }

    private static Tensor Unit(Tensor embeddings) => nn.functional.normalize(embeddings.to(float64));

    // Texts of length 1 around their mean: [texts, e].
    private static Tensor Dictionary(Tensor texts)
    {
        using var scope = NewDisposeScope();
        var unit = Unit(texts);
        return nn.functional.normalize(unit - unit.mean([0], keepdim: true)).MoveToOuterDisposeScope();
    }

    // Coordinate descent among the words in use; others join while they would lower the sum, which is convex, so the end is its lowest point.
    private static double[] Solve(Tensor dictionary, double[] atoms, Tensor target, double penalty, int count, int width)
    {
        const int Joining = 32;
        var (weights, residual) = (new double[count], target.data<double>().ToArray());
        var used = new List<int>();
        Span<double> Atom(int text) => atoms.AsSpan(text * width, width);
        for (var round = 0; round < Rounds; round++)
        {
            using var scope = NewDisposeScope();
            var products = dictionary.matmul(tensor(residual).to(dictionary.device)).cpu().data<double>().ToArray();
            // A text that is the mean itself has no direction, so that its product is 0 and it never joins.
            var wanted = Enumerable.Range(0, count).Where(text => products[text] > penalty / 2 + Tolerance && weights[text] == 0)
                .OrderByDescending(text => products[text]).Take(Joining).ToList();
            if (wanted.Count == 0) break;
            used = [.. used.Where(text => weights[text] > 0).Union(wanted)];
            for (var pass = 0; pass < Rounds; pass++)
            {
                var largest = 0.0;
                foreach (var text in used)
                {
                    var atom = Atom(text);
                    var (product, before) = (0.0, weights[text]);
                    for (var k = 0; k < width; k++) product += atom[k] * residual[k];
                    weights[text] = Math.Max(0, before + product - penalty / 2);
                    var change = weights[text] - before;
                    if (change == 0) continue;
                    for (var k = 0; k < width; k++) residual[k] -= change * atom[k];
                    largest = Math.Max(largest, Math.Abs(change));
                }
                if (largest < Tolerance) break;
            }
        }
        return weights;
    }
}
