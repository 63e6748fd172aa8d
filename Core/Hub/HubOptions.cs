namespace Prisma.Core;

/// <summary>Where the hub is, where its files are kept, and how patient to be.</summary>
public sealed record HubOptions
{
    private static readonly string[] s_yes = ["1", "ON", "YES", "TRUE"];

    /// <summary>The hub's address.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The folder of the cache, in the layout that Python's huggingface_hub shares.</summary>
    public required string Cache { get; init; }

    /// <summary>What proves who asks; sent to <see cref="Endpoint"/> and nowhere else. Null: nobody in particular.</summary>
    public string? Token { get; init; }

    /// <summary>Whether to stay away from the network.</summary>
    public bool Offline { get; init; }

    /// <summary>How long a connection may be silent.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often in a row something is tried without a byte of progress.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The wait before the second attempt; it doubles with each further one, unless the hub says how long to wait.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait: a hub that asks for more is not waited for.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Files that are fetched at the same time.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>
    /// As the environment says, by the rules of huggingface_hub: HF_ENDPOINT; HF_HUB_CACHE, or <c>hub</c> in HF_HOME, or
    /// <c>~/.cache/huggingface/hub</c>; HF_TOKEN, or the file at HF_TOKEN_PATH, or <c>token</c> in HF_HOME; HF_HUB_OFFLINE.
    /// </summary>
    /// <param name="variable">Gives a variable's value; the process's own where null.</param>
    /// <exception cref="OptionsException">A value makes no sense.</exception>
    public static HubOptions FromEnvironment(Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        var home = Expand(First(variable, "HF_HOME") ?? Path.Combine(First(variable, "XDG_CACHE_HOME") ?? "~/.cache", "huggingface"), variable);
        return new HubOptions
        {
            Cache = Expand(First(variable, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"), variable),
            Endpoint = Address(First(variable, "HF_ENDPOINT") ?? "https://huggingface.co"),
            Token = IsYes(First(variable, "HF_HUB_DISABLE_IMPLICIT_TOKEN")) ? null
                : Clean(First(variable, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")) ?? Clean(TextOf(Expand(First(variable, "HF_TOKEN_PATH") ?? Path.Combine(home, "token"), variable))),
            Offline = IsYes(First(variable, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
        };
    }

    // The generated text of a record would carry the token into logs.
    /// <inheritdoc/>
    public override string ToString() => $"{Endpoint}, kept in {Cache}{(Token is null ? "" : ", with a token")}{(Offline ? ", offline" : "")}";

    private static string? First(Func<string, string?> variable, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (variable(name) is { Length: > 0 } value) return value;
        return null;
    }

    private static bool IsYes(string? value) => value is not null && s_yes.Contains(value.ToUpperInvariant());

    private static Uri Address(string text) =>
        Uri.TryCreate(text.TrimEnd('/'), UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? new Uri(text.TrimEnd('/'))
            : throw new OptionsException($"HF_ENDPOINT is '{text}', which is no address of a hub. It looks like https://huggingface.co.");

    // A line break inside a header would be a second header.
    private static string? Clean(string? token) => token?.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim() is { Length: > 0 } clean ? clean : null;

    private static string? TextOf(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"The hub's token file '{path}' cannot be read: {e.Message}");
        }
    }

    private static string Expand(string path, Func<string, string?> variable)
    {
        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
            path = (variable("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)) + path[1..];
        return Path.GetFullPath(Environment.ExpandEnvironmentVariables(path));
    }
}
