using System.Security.Cryptography;
using System.Text;

namespace Prisma.Core;

/// <summary>Checks content against the checksum that names it: SHA-256, or git's SHA-1 over "blob", the length and the content.</summary>
internal sealed class HubDigest : IDisposable
{
    private readonly IncrementalHash? _hash;
    private readonly string _etag;

    internal HubDigest(string etag, long size)
    {
        _etag = etag;
        var kind = etag.All(char.IsAsciiHexDigitLower) ? etag.Length : 0;
        // Other servers name contents in ways of their own; then the length is all that can be checked.
        _hash = kind switch
        {
            64 => IncrementalHash.CreateHash(HashAlgorithmName.SHA256),
            40 => IncrementalHash.CreateHash(HashAlgorithmName.SHA1),
            _ => null,
        };
        if (kind == 40) _hash!.AppendData(Encoding.ASCII.GetBytes($"blob {size}\0"));
    }

    internal void Append(ReadOnlySpan<byte> content) => _hash?.AppendData(content);

    /// <summary>The content's checksum where it is another one; null where all is well.</summary>
    internal string? Mismatch()
    {
        if (_hash is null) return null;
        var found = Convert.ToHexStringLower(_hash.GetHashAndReset());
        return found == _etag ? null : found;
    }

    public void Dispose() => _hash?.Dispose();
}
