using System.Net;

namespace Prisma.Core;

/// <summary>What an answer other than "here it is" means for the one who asked.</summary>
internal static class HubRefusal
{
    /// <summary>Throws the error that the status stands for.</summary>
    internal static Exception Of(HttpResponseMessage response, HubId id, string what, HubOptions options)
    {
        var code = HubAnswer.Header(response, "X-Error-Code") ?? "";
        var said = HubAnswer.Header(response, "X-Error-Message") is { Length: > 0 and < 300 } words ? $" The hub says: {words}" : "";
        var status = (int)response.StatusCode;
        if (status is 408 or 429 or (>= 500 and < 600 and not 501 and not 505))
            return new TransientFault($"{options.Endpoint.Host} answered {status} ({Meaning(response)})", HubAnswer.Wait(response.Headers.RetryAfter, TimeProvider.System));
        return new HubException((response.StatusCode, code) switch
        {
            (_, "GatedRepo") => $"{id} is gated: accept its terms at {options.Endpoint}{id}, then {Identify(options)}.{said}",
            (_, "EntryNotFound") => $"{id} has no {what}.{said}",
            (_, "RevisionNotFound") => $"{id} has no such revision ({what}).{said}",
            (HttpStatusCode.Unauthorized, _) or (HttpStatusCode.NotFound, "RepoNotFound") =>
                $"There is no {id} at {options.Endpoint.Host}, or it is private: check the name; for a private one {Identify(options)}.{said}",
            (HttpStatusCode.Forbidden, _) => $"{options.Endpoint.Host} does not allow {id} ({what}) to be read: {Identify(options)}.{said}",
            (HttpStatusCode.NotFound, _) => $"{options.Endpoint.Host} has no {what} in {id}.{said}",
            _ => $"{options.Endpoint.Host} answered {status} ({Meaning(response)}) when asked for {what} of {id}.{said}",
        });
    }

    private static string Identify(HubOptions options) =>
        options.Token is null ? "set HF_TOKEN to a token that may read it" : "use a token (HF_TOKEN) that may read it; the one in use may not";

    private static string Meaning(HttpResponseMessage response) => response.ReasonPhrase is { Length: > 0 } words ? words : response.StatusCode.ToString();
}
