using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Classifies pictures by texts (Radford et al. 2021, §3.1): each label is put into every template, the texts' embeddings are averaged and
/// brought to length 1, and a picture's logits are its scaled cosines with them. Owns the class embeddings, not the model.
/// </summary>
public sealed class ZeroShot : IDisposable
{
    private const string Slot = "{}";
    private readonly HookedModel _model;
    private readonly Tensor _embeddings;
    private readonly double _scale, _bias;

    /// <summary>Takes embeddings that were made elsewhere.</summary>
    /// <param name="model">A model with an image tower and a text tower.</param>
    /// <param name="labels">The classes.</param>
    /// <param name="embeddings">[classes, e], each of length 1; this object takes them over.</param>
    /// <exception cref="PrismaException">The model has no joint space, or the numbers of labels and embeddings differ.</exception>
    public ZeroShot(HookedModel model, IReadOnlyList<string> labels, Tensor embeddings)
    {
        if (labels.Count == 0) throw new OptionsException("Zero-shot classification needs at least one label.");
        if (embeddings.shape.Length != 2 || embeddings.shape[0] != labels.Count)
            throw new ShapeException($"Zero-shot classification of {labels.Count} labels: the embeddings are [{string.Join(", ", embeddings.shape)}]; expected [{labels.Count}, width].");
        var joint = Joint(model);
        (_model, Labels, _embeddings, _scale, _bias) = (model, labels, embeddings.DetachFromDisposeScope(), joint.LogitScale, joint.LogitBias);
    }

    /// <summary>The classes.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The class embeddings [classes, e], each of length 1. Borrowed.</summary>
    public Tensor Embeddings => _embeddings;

    /// <summary>Embeds the labels with the model's text tower.</summary>
    /// <param name="model">A model with an image tower and a text tower.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="labels">The classes, as they stand in a sentence: <c>tabby cat</c>.</param>
    /// <param name="options">Templates; null for <c>a photo of a {}.</c></param>
    /// <exception cref="PrismaException">The model has no joint space, there is no label or template, or a template lacks <c>{}</c>.</exception>
    public static ZeroShot Create(HookedModel model, ITokenizer tokenizer, IReadOnlyList<string> labels, ZeroShotOptions? options = null)
    {
        options ??= new ZeroShotOptions();
        Check(labels, options);
        var context = Joint(model).TextContext;
        var texts = labels.SelectMany(label => options.Templates.Select(template => template.Replace(Slot, label, StringComparison.Ordinal)));
        using var scope = NewDisposeScope();
        using var gradless = no_grad();
        var embedded = texts.Chunk(options.Batch).Select(chunk => Embed(model, tokenizer, chunk, context)).ToList();
        var perTemplate = cat(embedded).view(labels.Count, options.Templates.Count, -1);
        return new ZeroShot(model, labels, nn.functional.normalize(perTemplate.mean([1])));
    }

    /// <summary>Logits [pictures, classes] of prepared pixels [B, C, H, W]. The caller (or its scope) disposes them.</summary>
    public Tensor Logits(Tensor pixels)
    {
        using var recording = _model.Run(new ModelInput { ["pixel_values"] = pixels }, HookPlan.Empty);
        return LogitsOf(recording.Outputs["image_embeds"]);
    }

    /// <summary>Logits [pictures, classes] of image embeddings [B, e] of length 1, such as an edited run's output.</summary>
    public Tensor LogitsOf(Tensor imageEmbeddings)
    {
        using var scope = NewDisposeScope();
        return (imageEmbeddings.matmul(_embeddings.t()) * _scale + _bias).MoveToOuterDisposeScope();
    }

    /// <summary>The most probable classes of each picture, best first.</summary>
    /// <param name="pixels">Prepared pixels [B, C, H, W].</param>
    /// <param name="top">How many classes; all where there are fewer.</param>
    public IReadOnlyList<IReadOnlyList<LabelScore>> Classify(Tensor pixels, int top = 5)
    {
        if (top < 1) throw new OptionsException($"Zero-shot classification was asked for the best {top} classes; at least 1.");
        using var scope = NewDisposeScope();
        var count = Math.Min(top, Labels.Count);
        var (values, indices) = Logits(pixels).to(ScalarType.Float32).softmax(-1).topk(count);
        var (shares, classes) = (values.contiguous().data<float>().ToArray(), indices.contiguous().data<long>().ToArray());
        return [.. Enumerable.Range(0, (int)pixels.shape[0]).Select(picture => (IReadOnlyList<LabelScore>)
            [.. Enumerable.Range(picture * count, count).Select(k => new LabelScore(Labels[(int)classes[k]], shares[k]))])];
    }

    /// <inheritdoc/>
    public void Dispose() => _embeddings.Dispose();

    // Padded to the whole context, as the models were trained: towers without a causal mask see the padding.
    private static Tensor Embed(HookedModel model, ITokenizer tokenizer, string[] texts, int context)
    {
        var options = new EncodeOptions { Pad = true, ContextLength = context };
        long[] ids = [.. texts.SelectMany(text => tokenizer.Encode(text, options)).Select(id => (long)id)];
        using var rows = tensor(ids).view(texts.Length, context);
        using var recording = model.Run(new ModelInput { ["input_ids"] = rows }, HookPlan.Empty);
        return recording.Outputs["text_embeds"].alias();
    }

    private static IImageTextModel Joint(HookedModel model) => model as IImageTextModel
        ?? throw new PrismaException($"{model.Card.Name} ({model.Card.Family}) has no joint space of pictures and texts; zero-shot classification needs both towers of a CLIP-like model.");

    private static void Check(IReadOnlyList<string> labels, ZeroShotOptions options)
    {
        var faults = new List<string>();
        if (labels.Count == 0) faults.Add("there is no label");
        if (options.Templates.Count == 0) faults.Add("there is no template");
        if (options.Batch < 1) faults.Add($"the batch is {options.Batch}");
        faults.AddRange(options.Templates.Where(template => !template.Contains(Slot, StringComparison.Ordinal)).Select(template => $"the template '{template}' has no {Slot} for the label"));
        if (faults.Count > 0) throw new OptionsException($"Zero-shot classification: {string.Join("; ", faults)}.");
    }
}
