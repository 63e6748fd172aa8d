namespace Prisma.Core;

/// <summary>Which of a repository's files are wanted.</summary>
public sealed class HubSelection
{
    private const int MostCoders = 4;

    private readonly Func<HubRepository, IReadOnlyList<string>> _choose;

    private HubSelection(Func<HubRepository, IReadOnlyList<string>> choose) => _choose = choose;

    /// <summary>What a model needs: settings, vocabularies and one set of weights, safetensors first.</summary>
    public static HubSelection Model { get; } = new(from => ModelFiles.Of(from, weights: true));

    /// <summary>The same in the layout that a file of weights has, where a repository carries several.</summary>
    public static HubSelection ModelLike(string file) => new(from => ModelFiles.Of(from, weights: true, file));

    /// <summary>The same without weights: enough to preprocess and to tokenize.</summary>
    public static HubSelection Settings { get; } = new(from => ModelFiles.Of(from, weights: false));

    /// <summary>Files by their names, by patterns (<c>*</c> crosses slashes), or all below a folder. None given: all.</summary>
    public static HubSelection Matching(params IReadOnlyList<string> patterns) => new(from => patterns.Count == 0
        ? from.Files
        : [.. patterns.SelectMany(pattern => Fitting(from, pattern)).Distinct(StringComparer.Ordinal)]);

    /// <summary>
    /// A sparse coder's files: patterns below a path, all below it, or where the path is a file, the file and the settings beside it. Of a whole
    /// repository only where it holds few coders.
    /// </summary>
    public static HubSelection Coder(string path, params IReadOnlyList<string> files) => new(from =>
    {
        if (files.Count > 0) return [.. files.SelectMany(file => Fitting(from, path.Length == 0 ? file : $"{path}/{file}")).Distinct(StringComparer.Ordinal)];
        if (from.Files.Contains(path)) return [.. from.Files.Where(file => file == path || (IsSetting(file) && FolderOf(file) == FolderOf(path)))];
        var below = path.Length == 0 ? from.Files : Fitting(from, path);
        var weights = below.Where(Locator.IsWeights).ToList();
        return weights.Count is > 0 and <= MostCoders
            ? [.. below.Where(file => weights.Contains(file) || IsSetting(file))]
            : throw new HubException(weights.Count == 0
                ? $"{from.Id} holds no file of weights{(path.Length == 0 ? "" : $" below '{path}'")}. It has {string.Join(", ", below.Take(8))}{(below.Count > 8 ? ", …" : "")}."
                : $"{from.Id} holds {weights.Count} files of weights; name one, as in {from.Id}/{weights[0]}.");
    });

    /// <summary>The names that are wanted.</summary>
    /// <exception cref="HubException">There are none.</exception>
    internal IReadOnlyList<string> Of(HubRepository from) => _choose(from);

    private static bool IsSetting(string file) => Path.GetExtension(file) is ".json" or ".yaml" or ".yml";

    private static string FolderOf(string file) => file[..(file.LastIndexOf('/') + 1)];

    private static List<string> Fitting(HubRepository from, string pattern)
    {
        var found = from.Files.Where(file => file == pattern || file.StartsWith(pattern.TrimEnd('/') + "/", StringComparison.Ordinal) || Glob.Matches(pattern, file)).ToList();
        return found.Count > 0
            ? found
            : throw new HubException($"{from.Id} has no file that fits '{pattern}'. Nearest: {string.Join(", ", NearestNames.Of(pattern, from.Files))}.");
    }
}
