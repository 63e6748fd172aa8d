using System.Text.Json;
using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>A text-to-image checkpoint as diffusers lays it out: a <c>model_index.json</c> and a folder for each component.</summary>
internal sealed class PipelineFolder
{
    private const string IndexFile = "model_index.json";

    // What each kind of pipeline reads: penultimate states of every encoder and a pooled text, or the last encoder's normalised states.
    private static readonly Dictionary<string, bool> s_kinds = new(StringComparer.Ordinal)
    {
        ["StableDiffusionXLPipeline"] = true,
        ["StableDiffusionXLImg2ImgPipeline"] = true,
        ["StableDiffusionPipeline"] = false,
        ["StableDiffusionImg2ImgPipeline"] = false,
        ["LatentConsistencyModelPipeline"] = false,
        ["LatentConsistencyModelImg2ImgPipeline"] = false,
    };

    private PipelineFolder(string path, string kind, bool zeros, bool scores, IReadOnlyList<string> encoders) =>
        (Path, Kind, ZerosForNoNegative, ReadsAestheticScore, TextEncoders) = (path, kind, zeros, scores, encoders);

    internal string Path { get; }

    /// <summary>The pipeline's class name.</summary>
    internal string Kind { get; }

    /// <summary>Whether texts are read at the last but one layer, with a pooled text beside.</summary>
    internal bool ReadsPenultimate => s_kinds[Kind];

    /// <summary>Whether a missing negative prompt means embeddings of zeros.</summary>
    internal bool ZerosForNoNegative { get; }

    /// <summary>Whether the U-net is told how fine the picture shall be (SDXL's refiner).</summary>
    internal bool ReadsAestheticScore { get; }

    /// <summary>The folders' names of the text encoders, in order.</summary>
    internal IReadOnlyList<string> TextEncoders { get; }

    internal string this[string component] => System.IO.Path.Combine(Path, component);

    internal static PipelineFolder Open(string path)
    {
        if (!Directory.Exists(path)) throw new CheckpointException($"There is no folder '{path}'. Give a text-to-image checkpoint: a folder with {IndexFile}, unet, vae, scheduler, tokenizers and text encoders.");
        var file = System.IO.Path.Combine(path, IndexFile);
        if (!File.Exists(file)) throw new CheckpointException($"'{path}' has no {IndexFile}, so it is no text-to-image checkpoint in diffusers' layout.");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return Read(path, file, new ConfigReader(document.RootElement, file), document.RootElement);
        }
        catch (JsonException error)
        {
            throw new CheckpointException($"'{file}' is no valid JSON: {error.Message}", error);
        }
    }

    private static PipelineFolder Read(string path, string file, ConfigReader json, JsonElement root)
    {
        var kind = json.Text("_class_name");
        json.Check();
        if (!s_kinds.TryGetValue(kind, out var penultimate)) throw new CheckpointException($"{file}: the pipeline '{kind}' is not built. Built are {string.Join(", ", s_kinds.Keys)}.");
        var scores = json.Bool("requires_aesthetics_score", false);
        var zeros = json.Bool("force_zeros_for_empty_prompt", penultimate);
        json.Check();
        string[] possible = penultimate ? ["text_encoder", "text_encoder_2"] : ["text_encoder"];
        var encoders = possible.Where(name => IsThere(root, name)).ToList();
        if (encoders.Count == 0) throw new CheckpointException($"{file} names no text encoder.");
        string[] components = [.. encoders, .. encoders.Select(TokenizerOf), "unet", "vae", "scheduler"];
        var missing = components.Where(name => !Directory.Exists(System.IO.Path.Combine(path, name))).ToList();
        return missing.Count == 0
            ? new PipelineFolder(path, kind, zeros, scores, encoders)
            : throw new CheckpointException($"'{path}' is not complete: the folder{(missing.Count == 1 ? "" : "s")} {string.Join(", ", missing)} {(missing.Count == 1 ? "is" : "are")} missing.");
    }

    internal static string TokenizerOf(string encoder) => encoder.Replace("text_encoder", "tokenizer", StringComparison.Ordinal);

    // A component that is left out stands as [null, null].
    private static bool IsThere(JsonElement root, string name) =>
        root.TryGetProperty(name, out var entry) && entry.ValueKind == JsonValueKind.Array && entry.GetArrayLength() == 2 && entry[1].ValueKind == JsonValueKind.String;
}
