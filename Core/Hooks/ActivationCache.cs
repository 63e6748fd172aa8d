using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Values by place. Owns its tensors; read-only from outside. A place without a part finds the only part that was kept.
/// </summary>
public sealed class ActivationCache : IDisposable
{
    private readonly List<KeptValue> _values;

    internal ActivationCache(IEnumerable<KeptValue> values) => _values = [.. values.OrderBy(kept => kept.Point.Order)];

    /// <summary>The kept places, in forward order.</summary>
    public IReadOnlyList<HookSite> Sites => [.. _values.Select(kept => kept.Point.Site)];

    /// <summary>The value at a place. Borrowed: the cache disposes it.</summary>
    /// <exception cref="SiteNotFoundException">Nothing was kept there; the message lists what was.</exception>
    public Tensor this[HookSite site] => Find(site).Value;

    /// <summary>Whether something was kept at the place.</summary>
    public bool Contains(HookSite site) => Matches(site).Count > 0;

    /// <summary>Moves the value at a place out of the cache; the caller disposes it.</summary>
    public Tensor Take(HookSite site)
    {
        var kept = Find(site);
        _values.Remove(kept);
        return kept.Value;
    }

    /// <summary>All kept values of one kind on a new first axis, in forward order: [block, …]. The caller disposes it.</summary>
    public Tensor Stack(SiteKind kind)
    {
        var values = _values.Where(kept => kept.Point.Kind == kind).Select(kept => kept.Value).ToArray();
        return values.Length > 0 ? stack(values) : throw Missing(kind.Name);
    }

    /// <summary>
    /// Gradients of a scalar by every place of <see cref="HookPlan.WithGradients"/>, as a second cache. Places that the scalar does not
    /// depend on have zeros.
    /// </summary>
    /// <param name="metric">One number computed from the recording's outputs or from kept values.</param>
    /// <param name="keepGraph">Keep the autograd graph, so that another scalar can be differentiated.</param>
    public ActivationCache Gradients(Tensor metric, bool keepGraph = false)
    {
        var wanted = _values.Where(kept => kept.Differentiable).ToList();
        if (wanted.Count == 0) throw new PrismaException("No gradients were asked for: name the places with HookPlan.WithGradients before the run.");
        if (metric.numel() != 1) throw new ShapeException($"Gradients need one number; the metric has the shape [{string.Join(", ", metric.shape)}]. Sum it over the batch.");
        if (!metric.requires_grad)
            throw new PrismaException("The metric does not depend on any place of WithGradients: compute it from this run's outputs, without no_grad.");
        using var scope = NewDisposeScope();
        var gradients = autograd.grad([metric], [.. wanted.Select(kept => kept.Value)], retain_graph: keepGraph, allow_unused: true);
        return new ActivationCache(wanted.Select((kept, k) =>
            new KeptValue(kept.Point, (gradients[k] ?? kept.Value.zeros_like()).DetachFromDisposeScope(), Differentiable: false)));
    }

    /// <summary>A copy of the whole cache on another device or in another type; this cache and the model stay where they are.</summary>
    public ActivationCache To(Device device, ScalarType? dtype = null) =>
        new(_values.Select(kept => kept with
        {
            Value = kept.Value.detach().to(dtype ?? kept.Value.dtype, device, copy: true).DetachFromDisposeScope(),
            Differentiable = false,
        }));

    /// <summary>Writes every value under its place's name as safetensors.</summary>
    public void Save(string path, ExistingFile existing = ExistingFile.Refuse) =>
        Safetensors.Write(path, _values.Select(kept => (kept.Point.Site.ToString(), kept.Value)), existing: existing);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var kept in _values) kept.Value.Dispose();
        _values.Clear();
    }

    private IReadOnlyList<KeptValue> Matches(HookSite site) => site.Among(_values, kept => kept.Point.Site);

    private KeptValue Find(HookSite site)
    {
        var found = Matches(site);
        return found.Count switch
        {
            1 => found[0],
            0 => throw Missing(site.ToString()),
            _ => throw new SiteNotFoundException($"'{site}' was kept in several parts: {string.Join(", ", found.Select(kept => kept.Point.Site))}. Name the part."),
        };
    }

    private SiteNotFoundException Missing(string wanted) =>
        new($"Nothing was kept at '{wanted}'. Kept: {(_values.Count == 0 ? "nothing" : string.Join(", ", Sites))}.");
}
