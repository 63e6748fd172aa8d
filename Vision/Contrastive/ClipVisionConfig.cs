using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of a CLIP image tower's configuration enters the forward pass. The defaults are those of Hugging Face's CLIPVisionConfig.</summary>
public sealed record ClipVisionConfig
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 768;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>The number of heads.</summary>
    public int Heads { get; init; } = 12;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 3072;

    /// <summary>The side of a patch in pixels.</summary>
    public int Patch { get; init; } = 32;

    /// <summary>The side of the picture that the positions were trained on.</summary>
    public int Image { get; init; } = 224;

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "quick_gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether a norm stands before the blocks.</summary>
    public bool PreNorm { get; init; } = true;

    /// <summary>Whether the blocks scale what they add to the stream.</summary>
    public bool LayerScale { get; init; }

    /// <summary>Whether the mean of the patches is pooled instead of the class token.</summary>
    public bool MeanPooling { get; init; }

    /// <summary>Whether the final norm comes after pooling; then only the pooled state passes it.</summary>
    public bool NormAfterPooling { get; init; }

    /// <summary>The number of learned queries that pool the tokens by attention (CoCa); 0 where a token or the mean is pooled directly.</summary>
    public int PoolQueries { get; init; }

    /// <summary>The number of heads that they read with.</summary>
    public int PoolHeads { get; init; } = 8;

    /// <summary>The width of the joint embedding; 0 where the tower has no projection.</summary>
    public int Projection { get; init; }

    /// <summary>Whether other picture sizes interpolate the positions with antialiasing.</summary>
    public bool Antialias { get; init; }

    /// <summary>Reads Hugging Face's layout: a <c>vision_config</c>, or the whole configuration of an image model.</summary>
    /// <param name="json">The object; its reading is finished here.</param>
    /// <param name="projection">The width of the joint embedding; 0 for none, null for this object's own <c>projection_dim</c>.</param>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public static ClipVisionConfig Read(ConfigReader json, int? projection)
    {
        json.Ignore("projection_dim");
        var config = new ClipVisionConfig
        {
            Width = json.Int("hidden_size", 768),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Patch = json.Side("patch_size", 32),
            Image = json.Side("image_size", 224),
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", "quick_gelu"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            Projection = projection ?? json.Int("projection_dim", 512),
        };
        json.Require(config.Width % config.Heads == 0, $"{config.Heads} attention heads do not divide the width {config.Width}");
        json.Require(config.Image >= config.Patch, $"a picture of {config.Image} pixels holds no patch of {config.Patch}");
        json.Finish();
        return config;
    }
}
