using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What a logit lens decodes and how.</summary>
public sealed record LensOptions
{
    /// <summary>Also the stream between attention and MLP of each block.</summary>
    public bool IncludeMid { get; init; }

    /// <summary>
    /// Normalise every layer with the final layer's own mean and scale, as ViT-Prisma does, so that the lens is linear in the stream; otherwise each
    /// layer's stream is normalised by itself.
    /// </summary>
    public bool FrozenScale { get; init; }

    /// <summary>
    /// For models that end in a joint embedding: class directions [C, e], such as text embeddings. Decoded streams are normalised and
    /// compared with them. Borrowed during the call.
    /// </summary>
    public Tensor? Directions { get; init; }

    /// <summary>What similarities with <see cref="Directions"/> are multiplied by before a softmax: the model's own logit scale.</summary>
    public double LogitScale { get; init; } = 100;

    /// <summary>Translators that bring each layer's stream into the last one's space before it is decoded; null: the logit lens. Borrowed.</summary>
    public TunedLens? Tuned { get; init; }

    /// <summary>Names of the classes, where they are not the model's own.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
}
