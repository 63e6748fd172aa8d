namespace Prisma.Core;

/// <summary>A repository of the hub: <c>owner/name</c>, or a bare name for the few that have no owner.</summary>
public readonly record struct HubId
{
    private const int Longest = 96;

    private HubId(string text) => Text = text;

    /// <summary>The id as it is written.</summary>
    public string Text { get; }

    /// <summary>Its folder's name in the cache.</summary>
    internal string Folder => "models--" + Text.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>Reads an id; names that could mean another folder are none.</summary>
    public static bool TryParse(string? text, out HubId id)
    {
        id = default;
        if (text is null || text.Length > Longest || text.Contains("--", StringComparison.Ordinal) || text.Contains("..", StringComparison.Ordinal)) return false;
        var parts = text.Split('/');
        if (parts.Length > 2 || !parts.All(IsName) || text.EndsWith(".git", StringComparison.Ordinal)) return false;
        id = new HubId(text);
        return true;
    }

    /// <summary>Reads an id.</summary>
    /// <exception cref="OptionsException">It is none.</exception>
    public static HubId Parse(string text) => TryParse(text, out var id)
        ? id
        : throw new OptionsException($"'{text}' is no id of a repository. One is written owner/name, with letters, digits, '-', '_' and '.'.");

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool IsName(string part) =>
        part.Length > 0 && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && part[0] is not ('-' or '.') && part[^1] is not ('-' or '.');
}
