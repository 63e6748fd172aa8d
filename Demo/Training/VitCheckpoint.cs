using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Writes a trained ViT as Hugging Face's ViTForImageClassification is stored.</summary>
internal static class VitCheckpoint
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true };

    public static void Write(string folder, TrainedVit vit, BaselineReport baselines)
    {
        // Stored tensors borrow; their views live until the file is written.
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder);
        WriteText(folder, "config.json", Config(vit.Options).ToJsonString(_json));
        WriteText(folder, "preprocessor_config.json", Preprocessor().ToJsonString(_json));
        WriteText(folder, "README.md", Readme(vit, baselines));
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), Tensors(vit), new Dictionary<string, string> { ["format"] = "pt" }, ExistingFile.Replace);
    }

    private static void WriteText(string folder, string name, string text) =>
        AtomicFile.WriteText(Path.Combine(folder, name), text.TrimEnd() + "\n", ExistingFile.Replace);

    /// <summary>The weights under the checkpoint's names; queries, keys and values apart.</summary>
    private static IEnumerable<StoredTensor> Tensors(TrainedVit vit)
    {
        string[] parts = ["query", "key", "value"];
        foreach ((string name, Weight weight) in vit.Model.Weights)
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

    private static JsonObject Config(DemoVitOptions options)
    {
        var shapes = Enum.GetValues<ShapeKind>();
        return new JsonObject
        {
            ["_name_or_path"] = DemoSae.ModelName,
            ["architectures"] = new JsonArray("ViTForImageClassification"),
            ["model_type"] = "vit",
            ["hidden_size"] = options.Width,
            ["num_hidden_layers"] = options.Layers,
            ["num_attention_heads"] = options.Heads,
            ["intermediate_size"] = options.Hidden,
            ["hidden_act"] = "gelu",
            ["layer_norm_eps"] = TrainableVit.Eps,
            ["image_size"] = Scene.Width,
            ["patch_size"] = options.Patch,
            ["num_channels"] = 3,
            ["qkv_bias"] = true,
            ["attention_probs_dropout_prob"] = 0.0,
            ["hidden_dropout_prob"] = 0.0,
            ["id2label"] = new JsonObject(shapes.Select(shape => KeyValuePair.Create(((int)shape).ToString(), (JsonNode?)Name(shape)))),
            ["label2id"] = new JsonObject(shapes.Select(shape => KeyValuePair.Create(Name(shape), (JsonNode?)(int)shape))),
            ["torch_dtype"] = "float32",
        };
    }

    private static string Name(ShapeKind shape) => shape.ToString().ToLowerInvariant();

    private static JsonObject Preprocessor() => new()
    {
        ["image_processor_type"] = "ViTImageProcessor",
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["height"] = Scene.Width, ["width"] = Scene.Width },
        ["resample"] = 2,
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(SceneBatch.Mean, SceneBatch.Mean, SceneBatch.Mean),
        ["image_std"] = new JsonArray(SceneBatch.Deviation, SceneBatch.Deviation, SceneBatch.Deviation),
    };

    private static string Readme(TrainedVit vit, BaselineReport baselines)
    {
        DemoVitOptions options = vit.Options;
        return $"""
            # A small ViT that names {Scene.Rule}

            Trained by this project on scenes that it draws itself (`Demo/Scenes`): 2–4 objects of {Enum.GetValues<ShapeKind>().Length} shapes, {Enum.GetValues<ColourKind>().Length} colours and {Enum.GetValues<TextureKind>().Length} textures on
            patterned grounds, {Scene.Width} × {Scene.Width} pixels. The class is {Scene.Rule}; dark outlines, other objects and
            specks of colour distract. Stored as Hugging Face's `ViTForImageClassification`.

            | on {options.HeldOut} held-out scenes | accuracy |
            | --- | --- |
            | this model | {Percent(vit.Accuracy)} |
            | linear probe on pixels ({baselines.TrainingScenes} training scenes) | {Percent(baselines.PixelProbe)} |
            | colour-histogram classifier (the same scenes) | {Percent(baselines.ColourHistogram)} |
            | always the most frequent class | {Percent(baselines.MostFrequent)} |

            Made by `./prisma demo train vit`: {options.Layers} blocks of width {options.Width} with {options.Heads} heads, MLP {options.Hidden}, patches of {options.Patch}; {options.Steps} steps of
            {options.BatchSize} new scenes each; Muon (learning rate {options.MatrixLearningRate}) for the blocks' matrices and AdamW ({options.LearningRate}) for the rest, {options.WarmUp} steps of
            warm-up, then a cosine to zero; weight decay {options.WeightDecay}; seed {options.Seed}. While training, a second head names shape, colour, texture
            and mark of what each patch shows; it is not part of the checkpoint. The weights are under the project's licence.
            """;
    }

    private static string Percent(double share) => (100 * share).ToString("F1") + " %";
}
