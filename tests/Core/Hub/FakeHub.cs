using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>A hub on this machine: lists files, describes them in the hub's headers, and sends large ones on to a storage of another address.</summary>
internal sealed class FakeHub : IDisposable
{
    internal const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly HttpListener _hub, _storage;
    private readonly ConcurrentQueue<(string Where, Func<HttpListenerContext, bool> Act)> _faults = new();
    private readonly Dictionary<string, string> _etags = new(StringComparer.Ordinal);

    internal FakeHub()
    {
        (_hub, Address) = Open();
        (_storage, Storage) = Open();
        Serve(_hub, OnHub);
        Serve(_storage, OnStorage);
    }

    internal Uri Address { get; }

    internal Uri Storage { get; }

    internal string Repository { get; init; } = "org/model";

    internal Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Files of further repositories.</summary>
    internal Dictionary<string, Dictionary<string, byte[]>> Others { get; } = new(StringComparer.Ordinal);

    /// <summary>Names whose contents lie in the storage.</summary>
    internal HashSet<string> Large { get; } = new(StringComparer.Ordinal);

    /// <summary>What was asked: method, path, who asked, from which byte.</summary>
    internal ConcurrentQueue<(string Method, string Path, string? Token, string? Range)> Asked { get; } = new();

    internal static string Etag(byte[] content, bool large)
    {
        using var hash = IncrementalHash.CreateHash(large ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (!large) hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal HubOptions Options(string cache) => new() { Endpoint = Address, Cache = cache, FirstWait = TimeSpan.FromMilliseconds(1), Patience = TimeSpan.FromSeconds(5), Connections = 2 };

    /// <summary>The next request for something whose address holds a word is answered so; the callback says whether it has answered.</summary>
    internal void Once(string where, Func<HttpListenerContext, bool> act) => _faults.Enqueue((where, act));

    internal void Once(string where, int status, params (string Name, string Value)[] headers) => Once(where, context =>
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers) context.Response.Headers[name] = value;
        context.Response.Close();
        return true;
    });

    /// <summary>The next download of a file breaks off after some bytes.</summary>
    internal void BreakAfter(string file, int bytes) => Once(file, context =>
    {
        if (context.Request.HttpMethod == "HEAD" || (Large.Contains(file) && !context.Request.Url!.AbsolutePath.StartsWith("/lfs/", StringComparison.Ordinal))) return false;
        var (content, from) = (Files[file], FirstByte(context));
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        context.Response.ContentLength64 = content.Length - from;
        context.Response.OutputStream.Write(content, from, bytes);
        context.Response.OutputStream.Flush();
        // Time to arrive: a reset connection may take along what was not read yet.
        Thread.Sleep(30);
        context.Response.Abort();
        return true;
    });

    /// <summary>What the hub says of a file, whatever its content.</summary>
    internal void Claim(string file, string etag) => _etags[file] = etag;

    public void Dispose()
    {
        _hub.Close();
        _storage.Close();
    }

    private static (HttpListener, Uri) Open()
    {
        for (; ; )
        {
            using var free = new TcpListener(IPAddress.Loopback, 0);
            free.Start();
            var address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/";
            free.Stop();
            var listener = new HttpListener();
            listener.Prefixes.Add(address);
            try
            {
                listener.Start();
                return (listener, new Uri(address));
            }
            catch (HttpListenerException)
            {
                listener.Close();
            }
        }
    }

    private void Serve(HttpListener listener, Action<HttpListenerContext> answer) => _ = Task.Run(async () =>
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            _ = Task.Run(() =>
            {
                try
                {
                    Answer(context, answer);
                }
                catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
                {
                    // The client went away, or the test is over.
                }
            });
        }
    });

    private void Answer(HttpListenerContext context, Action<HttpListenerContext> answer)
    {
        var path = Uri.UnescapeDataString(context.Request.Url!.AbsolutePath);
        Asked.Enqueue((context.Request.HttpMethod, path, context.Request.Headers["Authorization"], context.Request.Headers["Range"]));
        lock (_faults)
        {
            if (_faults.TryPeek(out var fault) && path.Contains(fault.Where, StringComparison.Ordinal) && fault.Act(context))
            {
                _faults.TryDequeue(out _);
                return;
            }
        }
        answer(context);
    }

    private void OnHub(HttpListenerContext context)
    {
        var path = Uri.UnescapeDataString(context.Request.Url!.AbsolutePath)[1..];
        var (repository, files) = Others.Where(other => path.Contains(other.Key, StringComparison.Ordinal)).Select(other => (other.Key, other.Value)).FirstOrDefault((Repository, Files));
        if (path == $"api/models/{repository}/revision/main" || path == $"api/models/{repository}/revision/{Commit}")
            Send(context, JsonSerializer.SerializeToUtf8Bytes(new { sha = Commit, siblings = files.Keys.Select(name => new { rfilename = name }) }));
        else if (path.StartsWith($"{repository}/resolve/", StringComparison.Ordinal) && files.TryGetValue(path[(repository.Length + 9 + Commit.Length + 1)..], out var content))
        {
            var file = path[(repository.Length + 9 + Commit.Length + 1)..];
            var etag = _etags.GetValueOrDefault(file) ?? Etag(content, Large.Contains(file));
            context.Response.Headers["X-Repo-Commit"] = Commit;
            if (!Large.Contains(file))
            {
                context.Response.Headers["ETag"] = $"\"{etag}\"";
                Send(context, content);
                return;
            }
            context.Response.Headers["X-Linked-Etag"] = $"\"{etag}\"";
            context.Response.Headers["X-Linked-Size"] = $"{content.Length}";
            context.Response.Headers["Location"] = $"{Storage}lfs/{file}";
            context.Response.StatusCode = 302;
            context.Response.Close();
        }
        else
        {
            var known = path.Contains(Repository, StringComparison.Ordinal);
            context.Response.StatusCode = known ? 404 : 401;
            context.Response.Headers["X-Error-Code"] = known ? path.StartsWith("api", StringComparison.Ordinal) ? "RevisionNotFound" : "EntryNotFound" : "RepoNotFound";
            context.Response.Close();
        }
    }

    private void OnStorage(HttpListenerContext context) =>
        Send(context, Files[Uri.UnescapeDataString(context.Request.Url!.AbsolutePath)["/lfs/".Length..]]);

    private static int FirstByte(HttpListenerContext context) =>
        context.Request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..].TrimEnd('-')) : 0;

    private static void Send(HttpListenerContext context, byte[] content)
    {
        var from = FirstByte(context);
        if (context.Request.Headers["Range"] is not null)
        {
            context.Response.StatusCode = from < content.Length ? 206 : 416;
            context.Response.Headers["Content-Range"] = from < content.Length ? $"bytes {from}-{content.Length - 1}/{content.Length}" : $"bytes */{content.Length}";
        }
        context.Response.ContentLength64 = Math.Max(0, content.Length - from);
        if (context.Request.HttpMethod != "HEAD" && from < content.Length) context.Response.OutputStream.Write(content, from, content.Length - from);
        context.Response.Close();
    }
}
