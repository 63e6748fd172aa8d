using Prisma.Core;

namespace Prisma.Text;

/// <summary>What of a CLIP text tower's configuration enters the forward pass. The defaults are those of Hugging Face's CLIPTextConfig.</summary>
public sealed record ClipTextConfig
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 512;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>The number of heads.</summary>
    public int Heads { get; init; } = 8;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 2048;

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary { get; init; } = 49408;

    /// <summary>The greatest number of tokens.</summary>
    public int Context { get; init; } = 77;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "quick_gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether tokens see only themselves and those before.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>Whether the blocks scale what they add to the stream.</summary>
    public bool LayerScale { get; init; }

    /// <summary>Which token stands for the text.</summary>
    public ClipPooling Pooling { get; init; } = ClipPooling.FirstEnd;

    /// <summary>Whether a class token follows the text, which then stands for it (CoCa).</summary>
    public bool ClassToken { get; init; }

    /// <summary>The id of padding, for <see cref="ClassToken"/>.</summary>
    public int PadId { get; init; }

    /// <summary>The end token's id, for <see cref="ClipPooling.FirstEnd"/>.</summary>
    public int EndId { get; init; } = 49407;

    /// <summary>The width of the joint embedding; 0 where the tower has no projection.</summary>
    public int Projection { get; init; }

    /// <summary>Whether the projection has a bias.</summary>
    public bool ProjectionBias { get; init; }

    /// <summary>Whether the reference calls the projected state the pooled one, as SigLIP's does.</summary>
    public bool PoolsProjected { get; init; }

    /// <summary>Reads Hugging Face's layout: a <c>text_config</c>, or the whole configuration of a text model.</summary>
    /// <param name="json">The object; its reading is finished here.</param>
    /// <param name="projection">The width of the joint embedding; 0 for none, null for this object's own <c>projection_dim</c>.</param>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public static ClipTextConfig Read(ConfigReader json, int? projection)
    {
        json.Ignore("projection_dim");
        // 2 is what old files say whatever the vocabulary's end token is: the reference then pools at the greatest id.
        var end = json.AnyInt("eos_token_id", 49407);
        var config = new ClipTextConfig
        {
            Width = json.Int("hidden_size", 512),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 8),
            Hidden = json.Int("intermediate_size", 2048),
            Vocabulary = json.Int("vocab_size", 49408),
            Context = json.Int("max_position_embeddings", 77),
            Activation = json.Activation("hidden_act", "quick_gelu"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            Pooling = end == 2 ? ClipPooling.GreatestId : ClipPooling.FirstEnd,
            EndId = end,
            Projection = projection ?? json.Int("projection_dim", 512),
        };
        json.Require(config.Width % config.Heads == 0, $"{config.Heads} attention heads do not divide the width {config.Width}");
        json.Finish();
        return config;
    }
}
