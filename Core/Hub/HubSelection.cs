namespace Prisma.Core;

/// <summary>Which of a repository's files are wanted.</summary>
public sealed class HubSelection
{
    private readonly Func<HubRepository, IReadOnlyList<string>> _choose;

    private HubSelection(Func<HubRepository, IReadOnlyList<string>> choose) => _choose = choose;

    /// <summary>What a model needs: settings, vocabularies and one set of weights, safetensors first.</summary>
    public static HubSelection Model { get; } = new(from => ModelFiles.Of(from, weights: true));

    /// <summary>The same without weights: enough to preprocess and to tokenize.</summary>
    public static HubSelection Settings { get; } = new(from => ModelFiles.Of(from, weights: false));

    /// <summary>Files by their names, by patterns (<c>*</c> crosses slashes), or all below a folder. None given: all.</summary>
    public static HubSelection Matching(params IReadOnlyList<string> patterns) => new(from => patterns.Count == 0
        ? from.Files
        : [.. patterns.SelectMany(pattern => Fitting(from, pattern)).Distinct(StringComparer.Ordinal)]);

    /// <summary>The names that are wanted.</summary>
    /// <exception cref="HubException">There are none.</exception>
    internal IReadOnlyList<string> Of(HubRepository from) => _choose(from);

    private static List<string> Fitting(HubRepository from, string pattern)
    {
        var found = from.Files.Where(file => file == pattern || file.StartsWith(pattern.TrimEnd('/') + "/", StringComparison.Ordinal) || Glob.Matches(pattern, file)).ToList();
        return found.Count > 0
            ? found
            : throw new HubException($"{from.Id} has no file that fits '{pattern}'. Nearest: {string.Join(", ", NearestNames.Of(pattern, from.Files))}.");
    }
}
