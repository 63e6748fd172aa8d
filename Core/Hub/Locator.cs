namespace Prisma.Core;

/// <summary>
/// Finds what a text means: a file or folder that is there; else a model or coder that the registry knows, or a repository of the hub, from the
/// cache or, where it is not there as a whole, from the hub.
/// </summary>
public sealed class Locator
{
    private static readonly string[] s_weights = [".safetensors", ".pt", ".pth", ".bin", ".npz", ".pkl", ".ckpt"];

    private readonly HubOptions _options;
    private readonly Registry _registry;

    /// <summary>Looks in the cache and at the hub that the options name; by default those of the environment.</summary>
    public Locator(HubOptions? options = null, Registry? registry = null) => (_options, _registry) = (options ?? HubOptions.FromEnvironment(), registry ?? Registry.Default);

    /// <summary>The folder of a model.</summary>
    /// <param name="text">A path, a registered name, or <c>owner/name[@revision]</c>.</param>
    /// <param name="needs">What of it is needed.</param>
    /// <param name="progress">Told how a download goes.</param>
    /// <param name="stop">Ends a download; what arrived is kept.</param>
    /// <exception cref="PrismaException">Nothing is called so, or it cannot be fetched.</exception>
    public string Model(string text, ModelNeeds needs = ModelNeeds.Weights, IProgress<HubProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Path.Exists(text)) return text;
        var known = _registry.FindModel(text);
        if (known is { Hub: null }) throw Elsewhere(text, known.Elsewhere);
        var address = known is null ? Address(text, "model") : new HubAddress(HubId.Parse(known.Hub!));
        if (address.Path.Length > 0) throw NotThere(text, "model");
        using var client = new HubClient(_options);
        if (client.Cache.Snapshot(address.Id, address.Revision) is { } folder && (needs == ModelNeeds.Weights ? ModelFiles.IsWhole(folder) : ModelFiles.HasSettings(folder))) return folder;
        var wanted = needs == ModelNeeds.Settings ? HubSelection.Settings : known?.File is { } file ? HubSelection.ModelLike(file) : HubSelection.Model;
        return client.PullAsync(address.Id, wanted, address.Revision, progress, stop).GetAwaiter().GetResult();
    }

    /// <summary>The file or folder of a sparse coder.</summary>
    /// <param name="text">A path, a registered name, or <c>owner/name[@revision][/file or folder]</c>.</param>
    /// <param name="progress">Told how a download goes.</param>
    /// <param name="stop">Ends a download; what arrived is kept.</param>
    /// <exception cref="PrismaException">Nothing is called so, or it cannot be fetched.</exception>
    public string Coder(string text, IProgress<HubProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Path.Exists(text)) return text;
        var known = _registry.FindCoder(text);
        if (known is { Hub: null }) throw Elsewhere(text, known.Elsewhere);
        var address = known is null ? Address(text, "sparse coder") : new HubAddress(HubId.Parse(known.Hub!), known.Revision, known.Path);
        using var client = new HubClient(_options);
        if (client.Cache.Snapshot(address.Id, address.Revision) is { } folder && Path.Combine(folder, address.Path) is var found && HasWeights(found)) return found;
        var wanted = HubSelection.Coder(address.Path, known?.Files ?? []);
        return Path.Combine(client.PullAsync(address.Id, wanted, address.Revision, progress, stop).GetAwaiter().GetResult(), address.Path);
    }

    /// <summary>Whether a file of a coder's folder can hold its weights.</summary>
    internal static bool IsWeights(string file) => s_weights.Any(ending => file.EndsWith(ending, StringComparison.Ordinal));

    private static bool HasWeights(string path) =>
        File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Any(file => IsWeights(file) && File.Exists(file)));

    // A mistyped path must not become a question to the hub: what begins with a folder that is here is meant as a path.
    private HubAddress Address(string text, string what) =>
        text.Length > 0 && text[0] is not ('/' or '.' or '~') && !text.Contains('\\') && HubAddress.TryParse(text) is { } address && !Directory.Exists(text[..text.IndexOf('/')])
            ? address
            : throw NotThere(text, what);

    private CheckpointException NotThere(string text, string what) =>
        new($"There is no file or folder '{text}', and no {what} is known under this name. Nearest known: {string.Join(", ", _registry.Suggest(text, models: what == "model", coders: what != "model"))}. A repository of the hub is written owner/name.");

    private static CheckpointException Elsewhere(string text, string? where) =>
        new($"'{text}' is known, but it is not on the hub. Get it from {where ?? "its authors"} and give the folder's path.");
}
