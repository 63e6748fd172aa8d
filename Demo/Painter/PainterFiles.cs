using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// The demo's text-to-image model on disk: a StableDiffusionXLPipeline as diffusers lays it out. Its configurations are also what the model
/// is built from before it is trained.
/// </summary>
internal sealed class PainterFiles(DemoPainterOptions options)
{
    public const int Groups = 8, HeadWidth = 8, LatentChannels = 4, TextLayers = 2, TimeIds = 6;

    private const int SizeWaves = 8;
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true };

    public CaptionVocabulary Vocabulary { get; } = new();

    public JsonObject Unet => new()
    {
        ["_class_name"] = "UNet2DConditionModel",
        ["act_fn"] = "silu",
        ["addition_embed_type"] = "text_time",
        ["addition_time_embed_dim"] = SizeWaves,
        ["attention_head_dim"] = Numbers(options.Channels.Select(width => width / 24)),
        ["block_out_channels"] = Numbers(options.Channels),
        ["center_input_sample"] = false,
        ["cross_attention_dim"] = options.TextWidths.Sum(),
        ["down_block_types"] = new JsonArray("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        ["flip_sin_to_cos"] = true,
        ["freq_shift"] = 0,
        ["in_channels"] = LatentChannels,
        ["layers_per_block"] = new JsonArray(1, 1, 2),
        ["mid_block_type"] = "UNetMidBlock2DCrossAttn",
        ["norm_num_groups"] = Groups,
        ["out_channels"] = LatentChannels,
        ["projection_class_embeddings_input_dim"] = options.TextWidths[1] + TimeIds * SizeWaves,
        ["sample_size"] = CaptionedPicture.Side / 4,
        ["transformer_layers_per_block"] = 1,
        ["up_block_types"] = new JsonArray("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        ["use_linear_projection"] = true,
    };

    public JsonObject Vae(double scaling) => new()
    {
        ["_class_name"] = "AutoencoderKL",
        ["act_fn"] = "silu",
        ["block_out_channels"] = Numbers(options.VaeChannels),
        ["down_block_types"] = new JsonArray("DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"),
        ["force_upcast"] = false,
        ["in_channels"] = 3,
        ["latent_channels"] = LatentChannels,
        ["layers_per_block"] = 1,
        ["mid_block_add_attention"] = false,
        ["norm_num_groups"] = Groups,
        ["out_channels"] = 3,
        ["sample_size"] = CaptionedPicture.Side,
        ["scaling_factor"] = scaling,
        ["up_block_types"] = new JsonArray("UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"),
    };

    public static JsonObject Scheduler => new()
    {
        ["_class_name"] = "EulerAncestralDiscreteScheduler",
        ["beta_end"] = NoiseCourse.LastBeta,
        ["beta_schedule"] = "scaled_linear",
        ["beta_start"] = NoiseCourse.FirstBeta,
        ["num_train_timesteps"] = NoiseCourse.Times,
        ["prediction_type"] = "v_prediction",
        ["steps_offset"] = 1,
        ["timestep_spacing"] = "trailing",
    };

    /// <summary>The configuration of the first (0) or second (1) text encoder.</summary>
    public JsonObject Text(int encoder) => new()
    {
        ["architectures"] = new JsonArray(TextKind(encoder)),
        ["model_type"] = "clip_text_model",
        ["bos_token_id"] = Vocabulary.Tokens.Count - 2,
        ["eos_token_id"] = Vocabulary.Tokens.Count - 1,
        ["hidden_act"] = "gelu",
        ["hidden_size"] = options.TextWidths[encoder],
        ["intermediate_size"] = 2 * options.TextWidths[encoder],
        ["layer_norm_eps"] = 1e-5,
        ["max_position_embeddings"] = CaptionVocabulary.Context,
        ["num_attention_heads"] = options.TextWidths[encoder] / (2 * HeadWidth),
        ["num_hidden_layers"] = TextLayers,
        ["projection_dim"] = options.TextWidths[encoder],
        ["vocab_size"] = Vocabulary.Tokens.Count,
    };

    /// <summary>Writes everything but weights.</summary>
    public void WriteTokenizer(string folder)
    {
        Write(folder, "vocab.json", Vocabulary.Ids);
        Write(folder, "tokenizer_config.json", CaptionVocabulary.Settings);
        AtomicFile.WriteText(Path.Combine(folder, "merges.txt"), Vocabulary.Merges + "\n", ExistingFile.Replace);
    }

    /// <summary>Writes the whole folder, weights in 16 bits.</summary>
    public void Write(string folder, TrainablePainter painter, double scaling, string readme)
    {
        using var scope = NewDisposeScope();
        Write(folder, "model_index.json", Index);
        Write(Path.Combine(folder, "scheduler"), "scheduler_config.json", Scheduler);
        string[] encoders = ["text_encoder", "text_encoder_2"], tokenizers = ["tokenizer", "tokenizer_2"];
        for (int i = 0; i < encoders.Length; i++)
        {
            WriteTokenizer(Path.Combine(folder, tokenizers[i]));
            Write(Path.Combine(folder, encoders[i]), "config.json", Text(i));
            Weights(Path.Combine(folder, encoders[i], "model.safetensors"), TextTensors(painter.Texts[i]));
        }
        Write(Path.Combine(folder, "unet"), "config.json", Unet);
        Weights(Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors"), painter.Unet.Weights.Select(named => (named.Name, named.Weight.Value)));
        Write(Path.Combine(folder, "vae"), "config.json", Vae(scaling));
        Weights(Path.Combine(folder, "vae", "diffusion_pytorch_model.safetensors"), painter.Vae.Weights.Select(named => (named.Name, named.Weight.Value)));
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), readme.TrimEnd() + "\n", ExistingFile.Replace);
    }

    private static JsonObject Index => new()
    {
        ["_class_name"] = "StableDiffusionXLPipeline",
        ["force_zeros_for_empty_prompt"] = true,
        ["scheduler"] = new JsonArray("diffusers", "EulerAncestralDiscreteScheduler"),
        ["text_encoder"] = new JsonArray("transformers", TextKind(0)),
        ["text_encoder_2"] = new JsonArray("transformers", TextKind(1)),
        ["tokenizer"] = new JsonArray("transformers", "CLIPTokenizer"),
        ["tokenizer_2"] = new JsonArray("transformers", "CLIPTokenizer"),
        ["unet"] = new JsonArray("diffusers", "UNet2DConditionModel"),
        ["vae"] = new JsonArray("diffusers", "AutoencoderKL"),
    };

    private static string TextKind(int encoder) => encoder == 0 ? "CLIPTextModel" : "CLIPTextModelWithProjection";

    private static void Write(string folder, string name, JsonObject value)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.WriteText(Path.Combine(folder, name), value.ToJsonString(_json) + "\n", ExistingFile.Replace);
    }

    private static void Weights(string path, IEnumerable<(string Name, Tensor Value)> tensors) =>
        Safetensors.Write(path, tensors.Select(pair => pair.Value.detach().to(ScalarType.Float16).ToStored(pair.Name)), new Dictionary<string, string> { ["format"] = "pt" }, ExistingFile.Replace);

    // Under the checkpoint's names; queries, keys and values apart.
    private static IEnumerable<(string Name, Tensor Value)> TextTensors(HookedModel text)
    {
        (string From, string To)[] rules = [
            ("blocks.", "encoder.layers."), (".ln1.", ".layer_norm1."), (".ln2.", ".layer_norm2."), (".attn.out.", ".self_attn.out_proj."),
            (".mlp.in.", ".mlp.fc1."), (".mlp.out.", ".mlp.fc2."), ("ln_final.", "final_layer_norm."),
            ("token_embed", "embeddings.token_embedding.weight"), ("pos_embed", "embeddings.position_embedding.weight")];
        foreach (var (name, weight) in text.Weights)
        {
            if (name == "head.weight")
            {
                yield return ("text_projection.weight", weight.Value);
                continue;
            }
            string renamed = "text_model." + rules.Aggregate(name, (current, rule) => current.Replace(rule.From, rule.To));
            if (!name.Contains(".attn.qkv.", StringComparison.Ordinal))
            {
                yield return (renamed, weight.Value);
                continue;
            }
            string[] parts = ["q_proj", "k_proj", "v_proj"];
            long rows = weight.Shape[0] / 3;
            for (int k = 0; k < parts.Length; k++)
                yield return (renamed.Replace(".attn.qkv.", $".self_attn.{parts[k]}."), weight.Value.narrow(0, k * rows, rows));
        }
    }

    private static JsonArray Numbers(IEnumerable<int> values) => [.. values.Select(value => (JsonNode)value)];
}
