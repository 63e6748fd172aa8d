namespace Prisma.Core;

/// <summary>
/// A piece of a network: named weights, points and children, all declared explicitly in its constructor. The order of declaration is
/// the forward order of the points.
/// </summary>
public abstract class Module : IDisposable
{
    private readonly List<Weight> _weights = [];
    private readonly List<(string Name, SitePath? Path, Module Child)> _children = [];
    private readonly List<object> _pointsAndChildren = [];

    /// <summary>All weights of this module and its children, by their dotted canonical names.</summary>
    public IEnumerable<(string Name, Weight Weight)> Weights =>
        _weights.Select(weight => (weight.Name, weight)).Concat(
            _children.SelectMany(child => child.Child.Weights.Select(inner => (Join(child.Name, inner.Name), inner.Weight))));

    /// <summary>This module and everything in it, parents first, in the order of declaration.</summary>
    public IEnumerable<Module> Modules => _children.SelectMany(child => child.Child.Modules).Prepend(this);

    /// <summary>The number of values in all weights.</summary>
    public long ParameterCount => Weights.Sum(weight => weight.Weight.Count);

    /// <summary>Moves every weight to a device, in place.</summary>
    public void To(TorchSharp.torch.Device device)
    {
        foreach (var (_, weight) in Weights)
            if (weight.IsSet && weight.Value.device_type != device.type) weight.Set(weight.Value.to(device));
    }

    /// <summary>Disposes all weights.</summary>
    public void Dispose()
    {
        foreach (var (_, weight) in Weights) weight.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Rewrites this module's own weights by a step of <see cref="Processing"/>; most modules have nothing to rewrite.</summary>
    protected internal virtual void Process(ProcessingStep step) { }

    /// <summary>Declares a weight of this module.</summary>
    protected Weight Declare(string name, params long[] shape)
    {
        var weight = new Weight(name, shape);
        _weights.Add(weight);
        return weight;
    }

    /// <summary>Declares a place that every pass visits.</summary>
    protected HookPoint Point(SiteKind kind) => Register(new HookPoint(kind, onDemand: false));

    /// <summary>Declares a place at which a pass may start; the module must return its input as it is where <see cref="HookRun.Skips"/> says so.</summary>
    protected HookPoint StartPoint(SiteKind kind) => Register(new HookPoint(kind, onDemand: false) { CanStart = true });

    /// <summary>Declares a place whose value is formed only when a plan asks for it.</summary>
    protected HookPoint PointOnDemand(SiteKind kind) => Register(new HookPoint(kind, onDemand: true));

    /// <summary>Declares a child whose places keep this module's path.</summary>
    protected T Child<T>(string name, T module) where T : Module => Adopt(name, null, module);

    /// <summary>Declares a child that is block number <paramref name="layer"/>.</summary>
    protected T BlockChild<T>(string name, int layer, T module) where T : Module => Adopt(name, new SitePath("", layer), module);

    /// <summary>Declares a child that is a part of the model, such as the vision tower; inside another part the names are joined.</summary>
    protected T PartChild<T>(string part, T module) where T : Module => Adopt(part, new SitePath(part, SitePath.NoLayer), module);

    internal IEnumerable<(SitePath Path, Module Module)> Placed(SitePath path) => _children
        .SelectMany(item => item.Child.Placed(Step(path, item.Path))).Prepend((path, this));

    internal void CollectPoints(List<HookPoint> into, SitePath path)
    {
        foreach (var item in _pointsAndChildren)
        {
            if (item is HookPoint point)
            {
                if (point.Order >= 0) throw new InvalidOperationException($"{point.Site} belongs to another model already.");
                point.Site = new HookSite(point.Kind, path);
                into.Add(point);
            }
            else if (item is ValueTuple<SitePath?, Module>(var own, var child))
            {
                child.CollectPoints(into, Step(path, own));
            }
        }
    }

    private static SitePath Step(SitePath path, SitePath? own) => own is { } step
        ? new SitePath(Join(path.Part, step.Part), step.Layer >= 0 ? step.Layer : path.Layer)
        : path;

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : name.Length == 0 ? prefix : $"{prefix}.{name}";

    private HookPoint Register(HookPoint point)
    {
        _pointsAndChildren.Add(point);
        return point;
    }

    private T Adopt<T>(string name, SitePath? path, T module) where T : Module
    {
        _children.Add((name, path, module));
        _pointsAndChildren.Add((path, (Module)module));
        return module;
    }
}
