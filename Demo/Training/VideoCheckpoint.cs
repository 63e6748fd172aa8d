using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Writes a trained video transformer as Hugging Face's VideoMAEForVideoClassification is stored.</summary>
internal static class VideoCheckpoint
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true };

    public static void Write(string folder, TrainedVideo video)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder);
        WriteText(folder, "config.json", Config(video.Options).ToJsonString(_json));
        WriteText(folder, "preprocessor_config.json", Preprocessor().ToJsonString(_json));
        WriteText(folder, "README.md", Readme(video));
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), Tensors(video), new Dictionary<string, string> { ["format"] = "pt" }, ExistingFile.Replace);
    }

    private static void WriteText(string folder, string name, string text) =>
        AtomicFile.WriteText(Path.Combine(folder, name), text.TrimEnd() + "\n", ExistingFile.Replace);

    /// <summary>The weights under the checkpoint's names: queries, keys and values apart, no bias of keys, no position table.</summary>
    private static IEnumerable<StoredTensor> Tensors(TrainedVideo video)
    {
        (string Weight, string? Bias)[] parts = [("query.weight", "q_bias"), ("key.weight", null), ("value.weight", "v_bias")];
        foreach ((string name, Weight weight) in video.Model.Weights)
        {
            if (name == "pos_embed") continue;
            if (!name.Contains(".attn.qkv.", StringComparison.Ordinal))
            {
                yield return weight.Value.ToStored(Rename(name));
                continue;
            }
            long rows = weight.Shape[0] / 3;
            string stem = Rename(name[..name.IndexOf(".attn.qkv.", StringComparison.Ordinal)] + ".") + "attention.attention.";
            for (int k = 0; k < parts.Length; k++)
            {
                if ((name.EndsWith("weight", StringComparison.Ordinal) ? parts[k].Weight : parts[k].Bias) is { } part)
                    yield return weight.Value.narrow(0, k * rows, rows).ToStored(stem + part);
            }
        }
    }

    private static string Rename(string name)
    {
        if (name.StartsWith("head.", StringComparison.Ordinal)) return name.Replace("head.", "classifier.");
        if (name.StartsWith("ln_final.", StringComparison.Ordinal)) return name.Replace("ln_final.", "fc_norm.");
        (string From, string To)[] rules = [
            ("blocks.", "encoder.layer."), (".ln1.", ".layernorm_before."), (".ln2.", ".layernorm_after."), (".attn.out.", ".attention.output.dense."),
            (".mlp.in.", ".intermediate.dense."), (".mlp.out.", ".output.dense."), ("patch.", "embeddings.patch_embeddings.projection.")];
        return "videomae." + rules.Aggregate(name, (current, rule) => current.Replace(rule.From, rule.To));
    }

    private static JsonObject Config(DemoVideoOptions options) => new()
    {
        ["_name_or_path"] = DemoVideo.ModelName,
        ["architectures"] = new JsonArray("VideoMAEForVideoClassification"),
        ["model_type"] = "videomae",
        ["hidden_size"] = options.Width,
        ["num_hidden_layers"] = options.Layers,
        ["num_attention_heads"] = options.Heads,
        ["intermediate_size"] = options.Hidden,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = DemoVideo.Eps,
        ["image_size"] = MotionBatch.Side,
        ["patch_size"] = options.Patch,
        ["num_frames"] = MotionClip.Frames,
        ["tubelet_size"] = options.Tubelet,
        ["num_channels"] = 3,
        ["qkv_bias"] = true,
        ["use_mean_pooling"] = true,
        ["attention_probs_dropout_prob"] = 0.0,
        ["hidden_dropout_prob"] = 0.0,
        ["id2label"] = new JsonObject(MotionKinds.All.Select(kind => KeyValuePair.Create(((int)kind).ToString(), (JsonNode?)kind.Text()))),
        ["label2id"] = new JsonObject(MotionKinds.All.Select(kind => KeyValuePair.Create(kind.Text(), (JsonNode?)(int)kind))),
        ["torch_dtype"] = "float32",
    };

    private static JsonObject Preprocessor() => new()
    {
        ["image_processor_type"] = "VideoMAEImageProcessor",
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["shortest_edge"] = MotionBatch.Side },
        ["do_center_crop"] = true,
        ["crop_size"] = new JsonObject { ["height"] = MotionBatch.Side, ["width"] = MotionBatch.Side },
        ["resample"] = 2,
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(SceneBatch.Mean, SceneBatch.Mean, SceneBatch.Mean),
        ["image_std"] = new JsonArray(SceneBatch.Deviation, SceneBatch.Deviation, SceneBatch.Deviation),
    };

    private static string Readme(TrainedVideo video)
    {
        DemoVideoOptions options = video.Options;
        return $"""
            # A small video transformer that says what happens

            Trained by this project on clips that it draws itself (`Demo/Motion`): {MotionClip.Frames} frames of {MotionBatch.Side} × {MotionBatch.Side} pixels, one object that changes and one
            that rests, over a patterned ground. The classes: {string.Join(", ", MotionKinds.All.Select(kind => kind.Text()))}.
            Stored as Hugging Face's `VideoMAEForVideoClassification`.

            It names {100 * video.Accuracy:F1} % of {options.HeldOut} held-out clips; guessing names {100.0 / MotionKinds.All.Count:F0} %.

            Made by `./prisma demo train video`: {options.Layers} blocks of width {options.Width} with {options.Heads} heads, MLP {options.Hidden}, patches of {options.Patch}, tubelets of {options.Tubelet} frames; {options.Steps}
            steps of {options.BatchSize} new clips each; Muon (learning rate {options.MatrixLearningRate}) for the blocks' matrices and AdamW ({options.LearningRate}) for the rest,
            {options.WarmUp} steps of warm-up, then a cosine to zero; weight decay {options.WeightDecay}; seed {options.Seed}. The weights are under the project's licence.
            """;
    }
}
