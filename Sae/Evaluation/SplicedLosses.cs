using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Losses to hold a spliced coder against. They read outputs by name and know nothing of pictures or texts. Tensors that are handed over stay
/// the caller's and must live as long as the loss is used. Everything is computed in double precision.
/// </summary>
public static class SplicedLosses
{
    /// <summary>Cross-entropy of class logits [B, C] with labels [B].</summary>
    public static ExampleLoss Classification(Tensor labels, string output = "logits") => recording =>
    {
        using var scope = NewDisposeScope();
        return CrossEntropy(Output(recording, output), labels).MoveToOuterDisposeScope();
    };

    /// <summary>
    /// Zero-shot cross-entropy: an embedding output [B, e] is compared with a table of class embeddings [C, e], rows of length 1. With scale 1
    /// this is ViT-Prisma's loss, which cannot fall below ln(1 + (C − 1)·e⁻²); models are trained with exp(logit_scale).
    /// </summary>
    public static ExampleLoss AgainstTable(Tensor table, Tensor labels, double scale = 1, double bias = 0, string output = "image_embeds") => recording =>
    {
        using var scope = NewDisposeScope();
        return CrossEntropy(Cosines(recording, table, output) * scale + bias, labels).MoveToOuterDisposeScope();
    };

    /// <summary>
    /// CLIP's contrastive loss of a batch with its partners [B, e], row by row: ½·(CE over rows + CE over columns). It depends on the batch's
    /// size, so only equal batches can be compared.
    /// </summary>
    public static ExampleLoss Contrastive(Tensor partners, double scale, string output = "image_embeds") => recording =>
    {
        using var scope = NewDisposeScope();
        var logits = Cosines(recording, partners, output) * scale;
        if (logits.shape[0] != logits.shape[1])
            throw new ShapeException($"A contrastive loss needs one partner for each of the {logits.shape[0]} examples; {logits.shape[1]} were given.");
        var own = arange(logits.shape[0], int64, logits.device);
        return ((CrossEntropy(logits, own) + CrossEntropy(logits.t(), own)) / 2).MoveToOuterDisposeScope();
    };

    /// <summary>
    /// Next-token cross-entropy: logits [B, T, V] at position t against token t + 1 of ids [B, T]; a mask [B, T] keeps the predicted positions
    /// that count (padding has no say).
    /// </summary>
    public static ExampleLoss NextToken(Tensor ids, Tensor? mask = null, string output = "logits") => recording =>
    {
        using var scope = NewDisposeScope();
        var logits = Output(recording, output);
        if (logits.ndim != 3 || ids.ndim != 2 || logits.shape[0] != ids.shape[0] || logits.shape[1] != ids.shape[1] || ids.shape[1] < 2)
            throw new ShapeException($"Next-token loss: logits [{string.Join(", ", logits.shape)}] and ids [{string.Join(", ", ids.shape)}]; [B, T, V] and [B, T] with T > 1 are needed.");
        var length = ids.shape[1] - 1;
        var losses = CrossEntropy(logits.narrow(1, 0, length).flatten(0, 1), ids.narrow(1, 1, length).flatten());
        if (mask is not null) losses = losses.masked_select(mask.narrow(1, 1, length).flatten().@bool());
        return losses.MoveToOuterDisposeScope();
    };

    private static Tensor Cosines(Recording recording, Tensor table, string output)
    {
        var embeddings = Output(recording, output);
        if (embeddings.ndim != 2 || table.ndim != 2 || embeddings.shape[1] != table.shape[1])
            throw new ShapeException($"'{output}' is [{string.Join(", ", embeddings.shape)}], the table of embeddings [{string.Join(", ", table.shape)}]: their widths must agree.");
        return nn.functional.normalize(embeddings).matmul(nn.functional.normalize(table.to(float64)).t());
    }

    private static Tensor CrossEntropy(Tensor logits, Tensor labels)
    {
        if (labels.ndim != 1 || logits.ndim != 2 || labels.shape[0] != logits.shape[0])
            throw new ShapeException($"Cross-entropy: logits [{string.Join(", ", logits.shape)}] and labels [{string.Join(", ", labels.shape)}]; [n, C] and [n] are needed.");
        if (labels.lt(0).any().item<bool>() || labels.ge(logits.shape[1]).any().item<bool>())
            throw new OptionsException($"A label is out of range: there are {logits.shape[1]} classes (0 to {logits.shape[1] - 1}).");
        return logits.log_softmax(-1).gather(1, labels.to(int64).unsqueeze(1)).squeeze(1).neg();
    }

    private static Tensor Output(Recording recording, string name) => recording.Outputs.TryGetValue(name, out var found)
        ? found.to(float64)
        : throw new OptionsException($"The model has no output '{name}' to compute a loss from; it has {string.Join(", ", recording.Outputs.Keys)}.");
}
