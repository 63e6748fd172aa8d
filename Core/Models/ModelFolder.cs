using System.Text.Json;

namespace Prisma.Core;

/// <summary>A checkpoint folder: its configuration and its weights, whichever of the usual names they have.</summary>
public sealed class ModelFolder
{
    private const string HookedConfig = "hooked_config.json";

    private const string EncoderEnding = "_encoder.pth", DecoderEnding = "_decoder.pth";

    private static readonly string[] s_huggingFace =
        ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

    private static readonly string[] s_diffusers =
        ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.bin"];

    private static readonly string[] s_openClip =
        ["open_clip_model.safetensors", "open_clip_model.safetensors.index.json", "open_clip_pytorch_model.bin"];

    private ModelFolder(string path, string configFile, JsonElement config, string? weights) =>
        (Path, ConfigFile, Config, WeightsFile) = (path, configFile, config, weights);

    /// <summary>The names under which weights are looked for, the first that is there being taken.</summary>
    internal static IEnumerable<string> WeightNames => s_huggingFace.Concat(s_diffusers).Concat(s_openClip);

    /// <summary>The names of the layout that a file of weights belongs to.</summary>
    internal static IEnumerable<string> WeightNamesLike(string file) => s_openClip.Contains(file) ? s_openClip : s_diffusers.Contains(file) ? s_diffusers : s_huggingFace;

    /// <summary>The name that a layout gives weights in one safetensors file, from the name of its weights in any form.</summary>
    internal static string PlainName(string file) => WeightNamesLike(System.IO.Path.GetFileName(file)).First();

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The folder's own name; for a snapshot in the hub's cache, the repository's.</summary>
    public string Name
    {
        get
        {
            var folder = new DirectoryInfo(System.IO.Path.GetFullPath(Path));
            return folder.Parent is { Name: "snapshots", Parent.Name: var repository } && repository.StartsWith("models--", StringComparison.Ordinal)
                ? repository["models--".Length..].Replace("--", "/", StringComparison.Ordinal)
                : folder.Name;
        }
    }

    /// <summary>The configuration's file name: <c>config.json</c> or <c>open_clip_config.json</c>.</summary>
    public string ConfigFile { get; }

    /// <summary>The configuration.</summary>
    public JsonElement Config { get; }

    /// <summary>The weights' path, or null where the folder has none.</summary>
    public string? WeightsFile { get; }

    /// <summary>Whether the folder is an encoder's and a decoder's file without a configuration (<c>NAME_encoder.pth</c>, <c>NAME_decoder.pth</c>).</summary>
    public bool IsCoderPair => ConfigFile.Length == 0 && WeightsFile?.EndsWith(EncoderEnding, StringComparison.Ordinal) == true;

    /// <summary>The configuration's <c>model_type</c>, or empty.</summary>
    public string ModelType => TextOf("model_type");

    /// <summary>The configuration's <c>_class_name</c>, as diffusers writes it, or empty.</summary>
    public string ClassName => TextOf("_class_name");

    /// <summary>The first of the configuration's <c>architectures</c>, timm's <c>architecture</c>, or empty.</summary>
    public string Architecture =>
        Config.TryGetProperty("architectures", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
        && list[0].ValueKind == JsonValueKind.String ? list[0].GetString()! : TextOf("architecture");

    /// <summary>
    /// Opens a folder. Where both configurations are there, the one whose weights are present is taken; with both, <c>config.json</c>.
    /// ViT-Prisma's <c>hooked_config.json</c> counts where there is no other; one that names a <c>source</c> stands for that folder.
    /// </summary>
    /// <exception cref="CheckpointException">No folder, no configuration, or one that is no JSON.</exception>
    public static ModelFolder Open(string path)
    {
        if (!Directory.Exists(path))
            throw new CheckpointException(File.Exists(path)
                ? $"'{path}' is a file; a model is a folder with a config.json and its weights."
                : $"There is no model folder '{path}'. Give a folder with a config.json and its weights.");
        if (Referred(path) is { } source) return Open(source);
        var plain = Candidate(path, "config.json", [.. s_huggingFace, .. s_diffusers]) ?? Candidate(path, HookedConfig, s_huggingFace);
        var openClip = Candidate(path, "open_clip_config.json", s_openClip);
        var (file, weights) = (plain, openClip) switch
        {
            (null, null) when Pair(path) is { } pair => (EncoderEnding, pair),
            (null, null) => throw new CheckpointException($"'{path}' has neither config.json nor open_clip_config.json. A model is a folder with one of them and its weights."),
            ({ } only, null) => only,
            (null, { } only) => only,
            ({ Weights: null }, { Weights: not null } other) => other,
            ({ } first, _) => first,
        };
        if (file == EncoderEnding) return new ModelFolder(path, "", JsonSerializer.SerializeToElement(new { }), weights);
        using var document = Parse(System.IO.Path.Combine(path, file));
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"'{System.IO.Path.Combine(path, file)}' holds no JSON object but {document.RootElement.ValueKind.ToString().ToLowerInvariant()}; a configuration is an object.");
        return new ModelFolder(path, file, document.RootElement.Clone(), weights);
    }

    /// <summary>The same folder read by its other configuration, Hugging Face's or open_clip's; null where it has only one.</summary>
    internal ModelFolder? Other()
    {
        var other = ConfigFile == "open_clip_config.json" ? Candidate(Path, "config.json", s_huggingFace) : Candidate(Path, "open_clip_config.json", s_openClip);
        if (other is not { } found) return null;
        using var document = Parse(System.IO.Path.Combine(Path, found.File));
        return new ModelFolder(Path, found.File, document.RootElement.Clone(), found.Weights);
    }

    /// <summary>A configuration without a folder, for <see cref="ModelFamily.Outline"/>; the name is a path that need not exist.</summary>
    public static ModelFolder OfConfig(string name, string configFile, JsonElement config) => new(name, configFile, config, null);

    /// <summary>Opens the weights.</summary>
    /// <exception cref="CheckpointException">There are none, or they are damaged.</exception>
    public TensorSource OpenWeights() => WeightsFile is { } file
        ? IsCoderPair
            ? TensorSource.Open(file).Beside(TensorSource.Open(file[..^EncoderEnding.Length] + DecoderEnding), "encoder.", "decoder.")
            : TensorSource.Open(file)
        : throw new CheckpointException(Variants() is { Length: > 0 } variants
            ? $"'{Path}' has its weights only as {string.Join(", ", variants)}, a variant of other precision, which is not chosen silently. Rename it to {variants[0].Replace($".{VariantOf(variants[0])}.", ".", StringComparison.Ordinal)} if it is meant."
            : $"'{Path}' has no weights: expected one of {string.Join(", ", ConfigFile == "open_clip_config.json" ? s_openClip : ClassName.Length > 0 ? s_diffusers : s_huggingFace)}.");

    /// <summary>Class names by index, from <c>id2label</c> or timm's <c>label_names</c>.</summary>
    public IReadOnlyList<string> Labels()
    {
        if (Config.TryGetProperty("label_names", out var names) && names.ValueKind == JsonValueKind.Array) return [.. names.EnumerateArray().Select(name => name.ToString())];
        if (!Config.TryGetProperty("id2label", out var map) || map.ValueKind != JsonValueKind.Object) return [];
        var pairs = map.EnumerateObject().Where(pair => int.TryParse(pair.Name, out _)).ToDictionary(pair => int.Parse(pair.Name), pair => pair.Value.ToString());
        return [.. Enumerable.Range(0, pairs.Count).Select(k => pairs.TryGetValue(k, out var label) ? label : $"class {k}")];
    }

    // diffusion_pytorch_model.fp16.safetensors, model.fp16.safetensors
    private string[] Variants() =>
        [.. Directory.EnumerateFiles(Path).Select(file => System.IO.Path.GetFileName(file)!).Where(name => VariantOf(name).Length > 0).Order(StringComparer.Ordinal)];

    private static string VariantOf(string file)
    {
        var parts = file.Split('.');
        return parts is [var stem, var variant, var ending] && s_huggingFace.Concat(s_diffusers).Contains($"{stem}.{ending}") ? variant : "";
    }

    private static string? Pair(string path)
    {
        var pairs = Directory.EnumerateFiles(path, "*" + EncoderEnding).Where(file => File.Exists(file[..^EncoderEnding.Length] + DecoderEnding)).Order(StringComparer.Ordinal).ToList();
        return pairs.Count < 2
            ? pairs.FirstOrDefault()
            : throw new CheckpointException($"'{path}' has {pairs.Count} autoencoders ({string.Join(", ", pairs.Select(System.IO.Path.GetFileName))}). Put the two files of the one that is meant into a folder of their own.");
    }

    // A configuration of a hooked model without weights of its own names the folder it was converted from.
    private static string? Referred(string path)
    {
        var plain = System.IO.Path.Combine(path, "config.json");
        if (File.Exists(plain)) return Candidate(path, "config.json", s_huggingFace) is { Weights: null } && SourceIn(plain) is { } named ? named : null;
        var file = System.IO.Path.Combine(path, HookedConfig);
        if (!File.Exists(file) || Candidate(path, HookedConfig, s_huggingFace) is { Weights: not null }) return null;
        return SourceIn(file) ?? throw new CheckpointException($"'{file}' names no source folder, and '{path}' has neither weights nor another configuration.");
    }

    private static string? SourceIn(string file)
    {
        using var document = Parse(file);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("source", out var source)
            && source.ValueKind == JsonValueKind.String
            ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(file)!, source.GetString()!)
            : null;
    }

    private static JsonDocument Parse(string file)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip });
        }
        catch (JsonException error)
        {
            throw new CheckpointException($"'{file}' is no valid JSON: {error.Message}", error);
        }
    }

    private static (string File, string? Weights)? Candidate(string folder, string config, string[] weights) =>
        File.Exists(System.IO.Path.Combine(folder, config))
            ? (config, weights.Select(name => System.IO.Path.Combine(folder, name)).FirstOrDefault(File.Exists))
            : null;

    private string TextOf(string key) =>
        Config.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
