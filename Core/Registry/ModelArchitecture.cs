using System.Text.Json;

namespace Prisma.Core;

/// <summary>The sizes that several known models share. Of models of pictures and texts, the image tower's.</summary>
public sealed record ModelArchitecture
{
    /// <summary>The family that reads it; it may not be built yet.</summary>
    public required string Family { get; init; }

    /// <summary>The side of the picture in pixels.</summary>
    public int? Image { get; init; }

    /// <summary>The side of a patch in pixels.</summary>
    public int? Patch { get; init; }

    /// <summary>Frames that make one token.</summary>
    public int? Tubelet { get; init; }

    /// <summary>Frames of a clip.</summary>
    public int? Frames { get; init; }

    /// <summary>The width of the residual stream, d_model.</summary>
    public int? DModel { get; init; }

    /// <summary>Blocks.</summary>
    public int? Layers { get; init; }

    /// <summary>Attention heads.</summary>
    public int? Heads { get; init; }

    /// <summary>Heads of keys and values, where fewer.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>The hidden width of an MLP, d_mlp.</summary>
    public int? DMlp { get; init; }

    /// <summary>Tokens before the patches: class token, registers.</summary>
    public int? Prefix { get; init; }

    /// <summary>Classes, or the width of the joint embedding.</summary>
    public int? Output { get; init; }

    /// <summary>Token ids.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>The longest text in tokens.</summary>
    public int? Context { get; init; }

    /// <summary>The activation that the checkpoint was trained with.</summary>
    public string? Activation { get; init; }

    /// <summary>False where the products that make keys have no bias.</summary>
    public bool? KeyBias { get; init; }

    /// <summary>Whether width, heads and tokens change from stage to stage (Swin); those here are the first stage's, and attention sees windows.</summary>
    public bool Staged { get; init; }

    /// <summary>Values of all weights that a pass reads; null where not all parts were counted.</summary>
    public long? Parameters { get; init; }

    /// <summary>Values of the image tower with its projection.</summary>
    public long? ImageParameters { get; init; }

    /// <summary>Where the sizes were taken from.</summary>
    public required string Source { get; init; }

    /// <summary>The name of the file that <see cref="Config"/> stands for.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>What a checkpoint's configuration says, as far as it enters the model: from it a model without weights is built.</summary>
    public JsonElement? Config { get; init; }

    /// <summary>Tokens of one picture or clip; null for texts.</summary>
    public int? Tokens => (Image, Patch) is (int image, int patch)
        ? image / patch * (image / patch) * (Frames is { } frames ? frames / (Tubelet ?? 1) : 1) + (Prefix ?? 0)
        : null;
}
