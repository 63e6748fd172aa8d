using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Names for features from a list of texts in a joint space of pictures and texts: by the feature's own direction, by the pictures that
/// excite it, or by how its activations go with the texts (CLIP-Dissect, Oikarinen and Weng 2023). Higher is better; compare within a row.
/// </summary>
public static class FeatureTexts
{
    /// <summary>
    /// Cosine of each feature's direction, taken through the model's final norm and projection, with each text; the mean over features is taken off
    /// each text, so that texts near everything do not win everywhere: [F, texts]. The caller (or its scope) disposes it.
    /// </summary>
    /// <param name="coder">A coder of the stream that the projection reads.</param>
    /// <param name="model">The model.</param>
    /// <param name="texts">[texts, e].</param>
    public static Tensor ByDirection(ISparseCoder coder, HookedModel model, Tensor texts)
    {
        using var scope = NewDisposeScope();
        var joint = FeatureLogits.Of(coder, model);
        Check(joint, texts);
        var similar = nn.functional.normalize(joint).matmul(nn.functional.normalize(texts).t());
        return (similar - similar.mean([0], keepdim: true)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Cosine of the mean embedding of the pictures, weighted by the feature's activation, minus the mean of all, with each text: [F, texts]; 0 for
    /// features that never fire. The caller (or its scope) disposes it.
    /// </summary>
    /// <param name="activations">[pictures, F]: each feature's highest activation on a picture, not negative.</param>
    /// <param name="images">[pictures, e]: embeddings.</param>
    /// <param name="texts">[texts, e].</param>
    public static Tensor ByPictures(Tensor activations, Tensor images, Tensor texts)
    {
        Check(images, texts);
        CheckRows(activations, images);
        using var scope = NewDisposeScope();
        var unit = nn.functional.normalize(images);
        var sums = activations.sum(0L).unsqueeze(1);
        var means = activations.t().matmul(unit) / sums.clamp(min: 1e-30) - unit.mean([0], keepdim: true);
        var similar = nn.functional.normalize(means).matmul(nn.functional.normalize(texts).t());
        return (similar * sums.gt(0).to(similar.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// CLIP-Dissect's soft pointwise mutual information: for each feature, Σ over its strongest pictures of log(1 + q(p − 1)) with p the text's
    /// probability on the picture and q from 0.998 down to 0.97, minus λ times what all features have in common: [F, texts]. The caller (or its
    /// scope) disposes it.
    /// </summary>
    /// <param name="activations">[pictures, F].</param>
    /// <param name="images">[pictures, e].</param>
    /// <param name="texts">[texts, e].</param>
    /// <param name="top">Pictures per feature; fewer where there are fewer.</param>
    /// <param name="prior">λ.</param>
    /// <param name="scale">What cosines are multiplied by before the softmax over texts.</param>
    public static Tensor SoftWpmi(Tensor activations, Tensor images, Tensor texts, int top = 100, double prior = 1, double scale = 10)
    {
        Check(images, texts);
        CheckRows(activations, images);
        using var scope = NewDisposeScope();
        var probabilities = (nn.functional.normalize(images).matmul(nn.functional.normalize(texts).t()) * scale).softmax(1);
        var count = (int)Math.Min(top, activations.shape[0]);
        var (_, strongest) = activations.topk(count, dim: 0);
        var log = zeros([activations.shape[1], texts.shape[0]], activations.dtype, activations.device);
        for (var j = 0; j < count; j++)
        {
            var inclusion = 0.998 - (double)j / count * (0.998 - 0.97);
            log += ((probabilities.index_select(0, strongest[j]) - 1) * inclusion + (1 + 1e-7)).log();
        }
        var common = log.logsumexp(0, keepdim: true) - Math.Log(activations.shape[1]);
        return (log - common * prior).MoveToOuterDisposeScope();
    }

    private static void Check(Tensor images, Tensor texts)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(texts);
        if (images.ndim != 2 || texts.ndim != 2 || images.shape[1] != texts.shape[1])
            throw new ShapeException($"Pictures and texts must share a space: [{string.Join(", ", images.shape)}] and [{string.Join(", ", texts.shape)}] were given.");
    }

    private static void CheckRows(Tensor activations, Tensor images)
    {
        ArgumentNullException.ThrowIfNull(activations);
        if (activations.ndim != 2 || activations.shape[0] != images.shape[0])
            throw new ShapeException($"Activations must be [{images.shape[0]} pictures, F]; got [{string.Join(", ", activations.shape)}].");
    }
}
