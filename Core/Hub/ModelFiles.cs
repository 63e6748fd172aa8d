namespace Prisma.Core;

/// <summary>Which files of a repository make a model that can be loaded, by the same rules by which a folder is opened.</summary>
internal static class ModelFiles
{
    private const string PipelineFile = "model_index.json";
    private static readonly string[] s_settings = [".json", ".txt", ".model", ".jinja", ".vocab"];
    private static readonly string[] s_diffusers = ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.bin"];

    internal static IReadOnlyList<string> Of(HubRepository from, bool weights, string? like = null)
    {
        var names = like is null ? ModelFolder.WeightNames : ModelFolder.WeightNamesLike(like);
        var chosen = new List<string>();
        foreach (var folder in Folders(from.Files))
        {
            var here = from.Files.Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.IndexOf('/', folder.Length) < 0).Select(file => file[folder.Length..]).ToHashSet(StringComparer.Ordinal);
            chosen.AddRange(here.Where(IsSetting).Select(file => folder + file));
            if (weights && WeightsIn(here, names) is { } found) chosen.Add(folder + found);
        }
        if (!chosen.Any(file => file.EndsWith(".json", StringComparison.Ordinal)))
            throw new HubException($"{from.Id} has no config.json, so it is no model that can be loaded. It has {Some(from.Files)}; name files with --file.");
        if (weights && !chosen.Any(IsWeights))
            throw new HubException($"{from.Id} has no weights under a known name ({string.Join(", ", names)}). It has {Some(from.Files)}; name files with --file.");
        return chosen;
    }

    /// <summary>Whether a folder has all that loading needs; a pipeline's parts each.</summary>
    internal static bool IsWhole(string folder)
    {
        if (File.Exists(Path.Combine(folder, PipelineFile)))
            return Directory.GetDirectories(folder).Where(part => File.Exists(Path.Combine(part, "config.json"))).ToList() is { Count: > 0 } parts && parts.All(HasWeights);
        return (File.Exists(Path.Combine(folder, "config.json")) || File.Exists(Path.Combine(folder, "open_clip_config.json"))) && HasWeights(folder);
    }

    /// <summary>Whether a folder has what preprocessing and tokenizing need.</summary>
    internal static bool HasSettings(string folder) =>
        File.Exists(Path.Combine(folder, "config.json")) || File.Exists(Path.Combine(folder, "open_clip_config.json")) || File.Exists(Path.Combine(folder, PipelineFile));

    private static bool HasWeights(string folder)
    {
        var here = Directory.GetFiles(folder).Select(Path.GetFileName).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return WeightsIn(here, ModelFolder.WeightNames) is { } found
            && (!HubShards.IsIndex(found) || ShardIndex.FilesOf(Path.Combine(folder, found)).All(here.Contains));
    }

    private static string? WeightsIn(HashSet<string> here, IEnumerable<string> names) => names.Concat(s_diffusers).FirstOrDefault(here.Contains);

    private static bool IsWeights(string file) => ModelFolder.WeightNames.Concat(s_diffusers).Contains(file[(file.LastIndexOf('/') + 1)..]);

    // Indices come with the weights that they list, not as settings.
    private static bool IsSetting(string file) =>
        (s_settings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)) && !file.EndsWith(".index.json", StringComparison.Ordinal)) || file == "bpe_simple_vocab_16e6.txt.gz" || file == PipelineFile;

    private static IEnumerable<string> Folders(IReadOnlyList<string> files) => files.Contains(PipelineFile)
        ? files.Where(file => file.Count(c => c == '/') == 1).Select(file => file[..(file.IndexOf('/') + 1)]).Distinct(StringComparer.Ordinal).Prepend("")
        : [""];

    private static string Some(IReadOnlyList<string> files) => files.Count == 0 ? "no files" : string.Join(", ", files.Take(8)) + (files.Count > 8 ? ", …" : "");
}
