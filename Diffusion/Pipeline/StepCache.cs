using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What the passes of a run kept, stacked over the steps that kept it on an axis of its own: [B, K, …]. Owns its tensors.</summary>
public sealed class StepCache : IDisposable
{
    private readonly Dictionary<HookSite, List<Tensor>> _parts = [];
    private readonly Dictionary<HookSite, Tensor> _values = [];
    private readonly List<HookSite> _order = [];

    internal StepCache() { }

    /// <summary>The kept places, in the order in which they were first met.</summary>
    public IReadOnlyList<HookSite> Sites => _order;

    /// <summary>The values at a place, [B, K, …]. Borrowed.</summary>
    /// <exception cref="SiteNotFoundException">Nothing was kept there.</exception>
    public Tensor this[HookSite site] => _values.TryGetValue(site, out var value)
        ? value
        : throw new SiteNotFoundException($"Nothing was kept at '{site}'. Kept: {(_order.Count == 0 ? "nothing" : string.Join(", ", _order))}.");

    /// <summary>Whether something was kept at the place.</summary>
    public bool Contains(HookSite site) => _values.ContainsKey(site);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _parts.Values.SelectMany(parts => parts).Concat(_values.Values)) part.Dispose();
        _parts.Clear();
        _values.Clear();
    }

    internal void Take(ActivationCache cache)
    {
        foreach (var site in cache.Sites)
        {
            if (!_parts.TryGetValue(site, out var parts))
            {
                _parts.Add(site, parts = []);
                _order.Add(site);
            }
            parts.Add(cache.Take(site));
        }
    }

    // A place's parts go before the next place's values come: not everything exists twice.
    internal void Stack()
    {
        foreach (var site in _order)
        {
            _values.Add(site, stack(_parts[site], 1).cpu().DetachFromDisposeScope());
            foreach (var part in _parts[site]) part.Dispose();
            _parts[site].Clear();
        }
    }
}
