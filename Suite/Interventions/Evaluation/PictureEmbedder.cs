using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>Pictures in the embedding space of a model of pictures and texts (CLIP, SigLIP): distances there tell what a change means. Owns the model; dispose it.</summary>
public sealed class PictureEmbedder : IDisposable
{
    private const byte Grey = 128;

    private readonly HookedModel _model;
    private readonly Preprocess _preprocess;

    private PictureEmbedder(HookedModel model, Preprocess preprocess) => (_model, _preprocess) = (model, preprocess);

    /// <summary>The model's name.</summary>
    public string Name => _model.Card.Name;

    /// <summary>Loads the model of a folder.</summary>
    /// <exception cref="CheckpointException">It is damaged, or embeds no pictures.</exception>
    public static PictureEmbedder Open(string folder)
    {
        var preprocess = Preprocess.Load(folder);
        var model = Models.Load(folder);
        try
        {
            var embedder = new PictureEmbedder(model, preprocess);
            using var probe = embedder.Embed([RgbImage.Filled(32, 32, Grey, Grey, Grey)]);
            return embedder;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Embeddings of unit length: [N, d]. The caller disposes them.</summary>
    public Tensor Embed(IReadOnlyList<RgbImage> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = NewDisposeScope();
        using var recording = _model.Run(new ModelInput { ["pixel_values"] = PreparedImage.Stack([.. pictures.Select(_preprocess.Apply)]) }, HookPlan.Empty);
        if (!recording.Outputs.TryGetValue("image_embeds", out var embeds))
            throw new CheckpointException($"{Name} embeds no pictures beside texts; it gives {string.Join(", ", recording.Outputs.Keys)}. Name a CLIP or SigLIP model.");
        return nn.functional.normalize(embeds.to(ScalarType.Float32).cpu(), dim: -1).MoveToOuterDisposeScope();
    }

    /// <summary>1 − cos of two pictures' embeddings: 0 for equal pictures.</summary>
    public double Distance(RgbImage one, RgbImage other)
    {
        using var scope = NewDisposeScope();
        var embeds = Embed([one, other]);
        return Math.Max(0, 1 - (embeds[0] * embeds[1]).sum().item<float>());
    }

    /// <summary>The same with everything outside the mask grey in both, and with everything inside.</summary>
    public (double Inside, double Outside) Distances(RgbImage one, RgbImage other, Func<int, int, bool> isInside)
    {
        ArgumentNullException.ThrowIfNull(isInside);
        return (Distance(Only(one, isInside), Only(other, isInside)), Distance(Only(one, (x, y) => !isInside(x, y)), Only(other, (x, y) => !isInside(x, y))));
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private static RgbImage Only(RgbImage picture, Func<int, int, bool> isShown)
    {
        var pixels = picture.Pixels.ToArray();
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
                if (!isShown(x, y)) pixels.AsSpan(3 * (y * picture.Width + x), 3).Fill(Grey);
        return new RgbImage(picture.Width, picture.Height, pixels);
    }
}
