namespace Prisma.Core;

/// <summary>Names that come from the hub become names on the disk: none may lead out of its folder.</summary>
internal static class HubNames
{
    /// <summary>Whether a path with slashes stays below the folder that it is joined to, on every system.</summary>
    internal static bool IsRelative(string path) =>
        path.Length is > 0 and < 1024 && path.Split('/').All(part => part is not ("" or "." or "..") && !part.Any(c => c is '\\' or ':' || char.IsControl(c)));

    /// <summary>Whether a checksum or commit can be a file's name.</summary>
    internal static bool IsPlain(string name) =>
        name.Length is > 0 and <= 128 && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    /// <summary>Whether a revision is a commit itself.</summary>
    internal static bool IsCommit(string revision) => revision.Length == 40 && revision.All(char.IsAsciiHexDigitLower);

    internal static string Checked(HubId id, string file) => IsRelative(file)
        ? file
        : throw new HubException($"{id} names a file '{file}', which would not lie in its own folder. It was not fetched.");
}
