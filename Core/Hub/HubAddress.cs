namespace Prisma.Core;

/// <summary>A place on the hub as people write it: <c>owner/name</c>, <c>owner/name@revision</c>, <c>owner/name/folder/file</c>.</summary>
/// <param name="Id">The repository.</param>
/// <param name="Revision">A branch, a tag or a commit.</param>
/// <param name="Path">A file or folder in it; empty for all of it.</param>
public sealed record HubAddress(HubId Id, string Revision = HubAddress.MainRevision, string Path = "")
{
    /// <summary>The branch that is meant where none is named.</summary>
    public const string MainRevision = "main";

    /// <summary>Reads an address with an owner; null where the text is none.</summary>
    public static HubAddress? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.TrimEnd('/').Split('/', 3);
        if (parts.Length < 2) return null;
        var (name, revision) = parts[1].Split('@', 2) is [var bare, var at] ? (bare, at) : (parts[1], MainRevision);
        var path = parts.Length == 3 ? parts[2] : "";
        return HubId.TryParse($"{parts[0]}/{name}", out var id) && HubNames.IsRelative(revision) && (path.Length == 0 || HubNames.IsRelative(path))
            ? new HubAddress(id, revision, path)
            : null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Id}{(Revision == MainRevision ? "" : $"@{Revision}")}{(Path.Length == 0 ? "" : $"/{Path}")}";
}
