using System.Net.Http.Headers;

namespace Prisma.Core;

/// <summary>
/// Sends requests to the hub: follows its redirections by hand, so that the token stays with the hub's own host, tells apart what may go better
/// the next time, and tries that again.
/// </summary>
internal sealed class HubRequests : IDisposable
{
    private const int MostHops = 10;

    private readonly HubOptions _options;
    private readonly HttpClient _http;

    internal HubRequests(HubOptions options)
    {
        _options = options;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = options.Patience, UseProxy = !options.Endpoint.IsLoopback };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Prisma.Net", typeof(HubRequests).Assembly.GetName().Version?.ToString(3) ?? "0"));
        // Compressed, neither lengths nor ranges would be the file's.
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The address of a file of a revision.</summary>
    internal Uri File(HubId id, string revision, string file) =>
        Below($"{id}/resolve/{Uri.EscapeDataString(revision)}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>The address of a revision's list of files.</summary>
    internal Uri Listing(HubId id, string revision) => Below($"api/models/{id}/revision/{Uri.EscapeDataString(revision)}");

    /// <summary>Does something until it works, it fails for good, or it has failed too often in a row. <paramref name="progress"/> tells whether it got further meanwhile.</summary>
    internal async Task<T> Persist<T>(string what, Func<Task<T>> attempt, Func<long> progress, CancellationToken stop)
    {
        for (var failures = 0; ;)
        {
            var before = progress();
            TransientFault fault;
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (TransientFault transient)
            {
                fault = transient;
            }
            failures = progress() > before ? 1 : failures + 1;
            if (failures >= _options.Attempts)
                throw new HubException($"{what}: {fault.Message}; tried {failures} times. What arrived is kept: the same command goes on from there.", fault);
            var wait = fault.Wait ?? _options.FirstWait * Math.Pow(2, failures - 1);
            if (wait > _options.LongestWait && fault.Wait is not null)
                throw new HubException($"{what}: {fault.Message}, and asks to wait {wait:h\\:mm\\:ss}. Try again then; what arrived is kept.", fault);
            await Task.Delay(wait < _options.LongestWait ? wait : _options.LongestWait, stop).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// One request, led on to where it belongs. Headers are read, the body is not. A HEAD stops at a redirection that says all about the file, or
    /// that leaves the hub's host: storage elsewhere knows the content by other names.
    /// </summary>
    internal async Task<HubAnswer> Send(HttpMethod method, Uri address, HubId id, string what, long from, CancellationToken stop)
    {
        string? commit = null, etag = null;
        long? size = null;
        var trusted = true;
        for (var hop = 0; hop <= MostHops; hop++)
        {
            var response = await Once(method, address, trusted ? _options.Token : null, from, stop).ConfigureAwait(false);
            try
            {
                if (trusted)
                {
                    commit = HubAnswer.Header(response, "X-Repo-Commit") ?? commit;
                    etag = HubAnswer.Bare(HubAnswer.Header(response, "X-Linked-Etag")) ?? etag;
                    if (long.TryParse(HubAnswer.Header(response, "X-Linked-Size"), out var linked)) size = linked;
                }
                var next = Redirection(response, address, id);
                var leaves = next is not null && !IsHub(next);
                if (next is null || (method == HttpMethod.Head && (leaves || (commit, etag, size) is (not null, not null, not null))))
                {
                    if (next is null && (int)response.StatusCode is < 200 or >= 300 and not 416) throw HubRefusal.Of(response, id, what, _options);
                    if (trusted) etag ??= HubAnswer.Bare(response.Headers.ETag?.ToString());
                    if (trusted && next is null) size ??= response.Content.Headers.ContentLength;
                    var answer = new HubAnswer(response, commit, etag, size);
                    response = null;
                    return answer;
                }
                // Once away from the hub, the token is not sent again, wherever the way leads.
                trusted &= !leaves;
                address = next;
            }
            finally
            {
                response?.Dispose();
            }
        }
        throw new HubException($"{_options.Endpoint.Host} sends {what} of {id} from one address to the next, more than {MostHops} times.");
    }

    /// <summary>Reads from a body, with a limit to its silence.</summary>
    internal async Task<int> Read(Stream body, Memory<byte> into, CancellationToken stop)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(stop);
        silence.CancelAfter(_options.Patience);
        try
        {
            return await body.ReadAsync(into, silence.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (Transient(e, stop) is { } fault)
        {
            throw fault;
        }
    }

    private async Task<HttpResponseMessage> Once(HttpMethod method, Uri address, string? token, long from, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, address);
        if (token is not null && IsHub(address)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(stop);
        silence.CancelAfter(_options.Patience);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (Transient(e, stop) is { } fault)
        {
            throw fault;
        }
    }

    private TransientFault? Transient(Exception e, CancellationToken stop) => e switch
    {
        _ when stop.IsCancellationRequested => null,
        OperationCanceledException => new TransientFault($"{_options.Endpoint.Host} was silent for {_options.Patience.TotalSeconds:0.#} s", null, e),
        HttpRequestException => new TransientFault($"{_options.Endpoint.Host} cannot be reached ({e.InnerException?.Message ?? e.Message})", null, e),
        IOException => new TransientFault($"the connection broke ({e.Message})", null, e),
        _ => null,
    };

    private static Uri? Redirection(HttpResponseMessage response, Uri from, HubId id)
    {
        if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308)) return null;
        if (response.Headers.Location is not { } location) throw new HubException($"{from.Host} sends {id} to another address without naming it.");
        var next = new Uri(from, location);
        return next.Scheme == "https" || (next.Scheme == "http" && from.Scheme == "http")
            ? next
            : throw new HubException($"{from.Host} sends {id} from a safe connection to '{next.Scheme}://{next.Host}', which is not followed.");
    }

    private bool IsHub(Uri address) => Uri.Compare(address, _options.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private Uri Below(string path) => new($"{_options.Endpoint.AbsoluteUri.TrimEnd('/')}/{path}");
}
