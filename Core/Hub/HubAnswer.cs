using System.Net.Http.Headers;

namespace Prisma.Core;

/// <summary>An answer of the hub, with what the answers that led to it said about the file. Owns the response.</summary>
internal sealed class HubAnswer(HttpResponseMessage response, string? commit, string? etag, long? size) : IDisposable
{
    internal HttpResponseMessage Response => response;

    internal string? Commit => commit;

    internal string? Etag => etag;

    internal long? Size => size;

    public void Dispose() => response.Dispose();

    /// <summary>A header's value; null where there is none.</summary>
    internal static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    // W/"…" and "…" name the same content.
    internal static string? Bare(string? etag) => etag is null ? null : (etag.StartsWith("W/", StringComparison.Ordinal) ? etag[2..] : etag).Trim('"');

    internal static TimeSpan? Wait(RetryConditionHeaderValue? header, TimeProvider clock) => header switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - clock.GetUtcNow() is { Ticks: > 0 } left ? left : TimeSpan.Zero,
        _ => null,
    };
}
