using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Writes a trained ViT as Hugging Face's ViTForImageClassification is stored.</summary>
/// <param name="Name">What the model calls itself.</param>
/// <param name="Config">What it was built from.</param>
/// <param name="Labels">The words for its classes.</param>
/// <param name="Readme">How it was made and what it can do.</param>
internal sealed record VitCheckpoint(string Name, VitConfig Config, IReadOnlyList<string> Labels, string Readme)
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true };

    public void Write(string folder, Vit model)
    {
        // Stored tensors borrow; their views live until the file is written.
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder);
        WriteText(folder, "config.json", ConfigJson.ToJsonString(_json));
        WriteText(folder, "preprocessor_config.json", Preprocessor.ToJsonString(_json));
        WriteText(folder, "README.md", Readme);
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), Tensors(model), new Dictionary<string, string> { ["format"] = "pt" }, ExistingFile.Replace);
    }

    private static void WriteText(string folder, string name, string text) =>
        AtomicFile.WriteText(Path.Combine(folder, name), text.TrimEnd() + "\n", ExistingFile.Replace);

    /// <summary>The weights under the checkpoint's names; queries, keys and values apart.</summary>
    private static IEnumerable<StoredTensor> Tensors(Vit model)
    {
        string[] parts = ["query", "key", "value"];
        foreach ((string name, Weight weight) in model.Weights)
        {
            if (!name.Contains(".attn.qkv.", StringComparison.Ordinal))
            {
                yield return weight.Value.ToStored(Rename(name));
                continue;
            }
            long rows = weight.Shape[0] / 3;
            for (int k = 0; k < parts.Length; k++)
            {
                yield return weight.Value.narrow(0, k * rows, rows).ToStored(Rename(name.Replace(".attn.qkv.", $".attention.attention.{parts[k]}.")));
            }
        }
    }

    private static string Rename(string name)
    {
        if (name.StartsWith("head.", StringComparison.Ordinal)) return name.Replace("head.", "classifier.");
        (string From, string To)[] rules = [
            ("blocks.", "encoder.layer."), (".ln1.", ".layernorm_before."), (".ln2.", ".layernorm_after."), (".attn.out.", ".attention.output.dense."),
            (".mlp.in.", ".intermediate.dense."), (".mlp.out.", ".output.dense."), ("cls_token", "embeddings.cls_token"),
            ("pos_embed", "embeddings.position_embeddings"), ("patch.", "embeddings.patch_embeddings.projection."), ("ln_final.", "layernorm.")];
        return "vit." + rules.Aggregate(name, (current, rule) => current.Replace(rule.From, rule.To));
    }

    private JsonObject ConfigJson => new()
    {
        ["_name_or_path"] = Name,
        ["architectures"] = new JsonArray("ViTForImageClassification"),
        ["model_type"] = "vit",
        ["hidden_size"] = Config.Width,
        ["num_hidden_layers"] = Config.Layers,
        ["num_attention_heads"] = Config.Heads,
        ["intermediate_size"] = Config.Hidden,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = Config.Eps,
        ["image_size"] = Config.Image,
        ["patch_size"] = Config.Patch,
        ["num_channels"] = 3,
        ["qkv_bias"] = true,
        ["attention_probs_dropout_prob"] = 0.0,
        ["hidden_dropout_prob"] = 0.0,
        ["id2label"] = new JsonObject(Labels.Select((label, id) => KeyValuePair.Create(id.ToString(), (JsonNode?)label))),
        ["label2id"] = new JsonObject(Labels.Select((label, id) => KeyValuePair.Create(label, (JsonNode?)id))),
        ["torch_dtype"] = "float32",
    };

    private JsonObject Preprocessor => new()
    {
        ["image_processor_type"] = "ViTImageProcessor",
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["height"] = Config.Image, ["width"] = Config.Image },
        ["resample"] = 2,
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(SceneBatch.Mean, SceneBatch.Mean, SceneBatch.Mean),
        ["image_std"] = new JsonArray(SceneBatch.Deviation, SceneBatch.Deviation, SceneBatch.Deviation),
    };
}
