using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>Batches of pictures for evaluating a coder, with the losses that labels and captions make possible. Owns class embeddings and the embedder.</summary>
internal sealed class EvaluationInputs : IDisposable
{
    private readonly HookedModel _model;
    private readonly PictureInputs _pictures;
    private readonly int _batch;
    private readonly LabelFile? _labels, _captions;
    private readonly HookedModel? _embedder;
    private readonly PictureInputs? _embedderPictures;
    private readonly ITokenizer? _tokenizer;
    private readonly ZeroShot? _classes;

    internal EvaluationInputs(HookedModel model, string folder, IReadOnlyList<string> named, int batch, string? labels, string? captions, string? embedder)
    {
        if (batch < 1) throw new OptionsException($"--batch {batch}: at least 1.");
        (_model, _batch) = (model, batch);
        _pictures = new PictureInputs(named, Preprocess.Load(folder));
        _labels = labels is null ? null : new LabelFile(labels);
        _captions = captions is null ? null : new LabelFile(captions);
        if (_captions is not null && model is not IImageTextModel) throw new OptionsException($"--captions needs a model of pictures and texts; {model.Card.Name} is none.");
        if (model is IImageTextModel && (labels ?? captions) is not null) _tokenizer = Tokenizers.Open(folder);
        if (_labels is not null)
        {
            if (model is IImageTextModel) _classes = ZeroShot.Create(model, _tokenizer!, _labels.Names);
            else if (model.Card.Labels.Count == 0) throw new OptionsException($"--labels: {model.Card.Name} names no classes, so a label has no number.");
        }
        if (embedder is null) return;
        _embedder = Models.Load(embedder);
        _embedderPictures = new PictureInputs(named, Preprocess.Load(embedder));
    }

    internal int Count => _pictures.Count;

    internal int Batches => (Count + _batch - 1) / _batch;

    internal EvaluationBatch Batch(int index)
    {
        using var scope = NewDisposeScope();
        int[] examples = [.. Enumerable.Range(index * _batch, Math.Min(_batch, Count - index * _batch))];
        string[] names = [.. examples.Select(_pictures.NameOf)];
        var pixels = _pictures.Batch(examples)["input"];
        var kept = new List<Tensor> { pixels };
        var losses = new Dictionary<string, ExampleLoss>();
        if (_labels is not null) AddClasses([.. names.Select(name => _labels[name])], losses, kept);
        if (_captions is not null) AddContrastive([.. names.Select(name => _captions[name])], losses, kept);
        return new EvaluationBatch { Input = pixels, Losses = losses, Embed = recording => Embeddings(recording, examples) }.Owning(kept);
    }

    public void Dispose()
    {
        _classes?.Dispose();
        _embedder?.Dispose();
    }

    private void AddClasses(string[] names, Dictionary<string, ExampleLoss> losses, List<Tensor> kept)
    {
        var known = _classes?.Labels ?? _model.Card.Labels;
        var numbers = tensor([.. names.Select(name => (long)NumberOf(name, known))], [names.Length]);
        kept.Add(numbers);
        if (_classes is null)
        {
            losses["cross_entropy"] = SplicedLosses.Classification(numbers);
            return;
        }
        var joint = (IImageTextModel)_model;
        losses["zero_shot_cross_entropy"] = SplicedLosses.AgainstTable(_classes.Embeddings, numbers, joint.LogitScale, joint.LogitBias);
        losses["zero_shot_cross_entropy.no_scale_compat"] = SplicedLosses.AgainstTable(_classes.Embeddings, numbers);
    }

    private void AddContrastive(string[] captions, Dictionary<string, ExampleLoss> losses, List<Tensor> kept)
    {
        using var texts = ZeroShot.Create(_model, _tokenizer!, captions, new ZeroShotOptions { Templates = ["{}"] });
        var embeddings = texts.Embeddings.clone();
        kept.Add(embeddings);
        losses[$"contrastive.batch{_batch}"] = SplicedLosses.Contrastive(embeddings, ((IImageTextModel)_model).LogitScale);
    }

    private int NumberOf(string name, IReadOnlyList<string> known)
    {
        for (var k = 0; k < known.Count; k++)
            if (string.Equals(known[k], name, StringComparison.OrdinalIgnoreCase)) return k;
        if (int.TryParse(name, out var number) && number >= 0 && number < known.Count) return number;
        throw new OptionsException($"--labels: {_model.Card.Name} has no class '{name}'; nearest: {string.Join(", ", known.Order(StringComparer.Ordinal).Take(5))}{(known.Count > 5 ? ", …" : "")}.");
    }

    private Tensor Embeddings(Recording own, IReadOnlyList<int> examples)
    {
        if (_embedder is null || _embedderPictures is null) return Embedding(_model, own);
        using var scope = NewDisposeScope();
        using var pixels = _embedderPictures.Batch(examples)["input"];
        using var recording = _embedder.Run(pixels, HookPlan.Empty);
        return Embedding(_embedder, recording).MoveToOuterDisposeScope();
    }

    // The joint embedding, the pooled state, or the token that the head reads (the mean of all where it reads none).
    internal static Tensor Embedding(HookedModel model, Recording recording)
    {
        foreach (var name in new[] { "image_embeds", "pooler_output" })
            if (recording.Outputs.TryGetValue(name, out var pooled)) return pooled.alias();
        if (!recording.Outputs.TryGetValue("last_hidden_state", out var hidden) || hidden.ndim != 3)
            throw new OptionsException($"{model.Card.Name} gives no embedding of a picture (outputs: {string.Join(", ", recording.Outputs.Keys)}); name another model with --embedder.");
        using var scope = NewDisposeScope();
        var read = model is ILogitReadout { ReadToken: { } token } ? hidden.select(1, token) : hidden.mean([1L]);
        return read.MoveToOuterDisposeScope();
    }
}
