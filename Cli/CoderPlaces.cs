using System.CommandLine;
using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>The coders of <c>--sae</c> with the places that they read. Owns them.</summary>
internal sealed class CoderPlaces : IDisposable
{
    private readonly Dictionary<HookSite, ISparseCoder> _coders = [];

    private CoderPlaces() { }

    internal IReadOnlyDictionary<HookSite, ISparseCoder> BySite => _coders;

    internal static Option<string[]> Option() => new("--sae") { Required = true, HelpName = "[SITE=]FILE|FOLDER", Description = "A sparse coder and the place that it reads (left out where its folder says so): up.0.1=PATH" };

    internal static CoderPlaces Open(IEnumerable<string> named, Terminal terminal)
    {
        var opened = new CoderPlaces();
        try
        {
            foreach (var text in named) opened.Add(text, terminal);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The hash of each coder, by its place.</summary>
    internal Dictionary<string, string> Hashes(TextToImage pipeline) => _coders.ToDictionary(pair => pair.Key.ToString(), pair => Cli.Provenance.Of(pipeline.Unet, pair.Value.Card)["sae_hash"]);

    public void Dispose()
    {
        foreach (var coder in _coders.Values) coder.Dispose();
    }

    // SITE=PATH, or a path whose coder says which place it reads.
    private void Add(string text, Terminal terminal)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        var named = at > 0 && !Path.Exists(text) ? Site.Parse(ShortCodes.Expand(text[..at])) : (HookSite?)null;
        var coder = Coders.Load(Named.CoderPath(named is null ? text : text[(at + 1)..], terminal));
        try
        {
            var own = coder.Card.Reads.Count == 1 ? coder.Card.Reads[0] : (HookSite?)null;
            if (named is { } given && own is { } stated && given != stated) throw new OptionsException($"{given} was named, but {coder.Card.Name} reads {stated}.");
            var site = named ?? own ?? throw new OptionsException($"{coder.Card.Name} does not say which place it reads: write --sae SITE={text}.");
            if (!_coders.TryAdd(site, coder)) throw new OptionsException($"Two coders were given for {site}.");
        }
        catch
        {
            coder.Dispose();
            throw;
        }
        SaeOptions.Describe(coder.Card, terminal);
    }
}
