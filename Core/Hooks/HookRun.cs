using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>What is to happen at one point in one run.</summary>
internal sealed class PointActions
{
    internal Capture? Keep { get; set; }
    internal List<Edit> Edits { get; } = [];
    internal bool Gradient { get; set; }
    internal Tensor? Given { get; set; }
    internal bool Stop { get; set; }
}

/// <summary>One forward pass under a plan: handed from layer to layer, gone when the pass is over.</summary>
public sealed class HookRun
{
    private readonly PointActions?[]? _actions;
    private readonly HookPoint? _start;

    internal HookRun(PointActions?[]? actions, bool records, bool trains, HookPoint? start = null) =>
        (_actions, RecordsGraph, Trains, _start) = (actions, records, trains, start);

    internal bool RecordsGraph { get; }

    internal bool Trains { get; }

    internal List<KeptValue> Kept { get; } = [];

    /// <summary>Whether the plan names this place: costly values are formed only then.</summary>
    public bool Wants(HookPoint point) => _actions?[point.Order] is not null;

    /// <summary>Whether the plan names a place between two others.</summary>
    internal bool WantsBetween(HookPoint first, HookPoint last) => _actions is not null && _actions.AsSpan(first.Order + 1, last.Order - first.Order - 1).ContainsAnyExcept((PointActions?)null);

    /// <summary>Whether the block that begins at this place is left out, because the pass starts behind it: it hands its input on as it is.</summary>
    public bool Skips(HookPoint point) => _start is { } start && point.Order < start.Order && point.Site.Path.Part == start.Site.Path.Part;

    /// <summary>The value that the plan gives a place, so that it need not be made; null where it must.</summary>
    internal Tensor? Given(HookPoint point) => _actions?[point.Order]?.Given;

    // On the idle path: one null test, or one array read.
    internal Tensor Visit(HookPoint point, Tensor value)
    {
        if (_actions?[point.Order] is not { } action) return value;
        if (action.Given is { } given) value = Fitting(point, value, given);
        foreach (var edit in action.Edits) value = Apply(edit, point, value);
        // A place on a branch may hold the very tensor of its trunk; a view of its own leaves the trunk's gradient out.
        if (action.Gradient) value = value.requires_grad ? value.expand(value.shape) : value.detach().requires_grad_();
        if (action.Gradient)
            Kept.Add(new KeptValue(point, value.alias().DetachFromDisposeScope(), Differentiable: true));
        else if (action.Keep is { } capture)
            Kept.Add(new KeptValue(point, capture.Take(point, RecordsGraph ? value.detach() : value), Differentiable: false));
        if (action.Stop) throw new StopRun();
        return value;
    }

    private static Tensor Fitting(HookPoint point, Tensor value, Tensor given) => given.shape.AsSpan().SequenceEqual(value.shape)
        ? given
        : throw new ShapeException($"The plan gives {point.Site} [{string.Join(", ", given.shape)}], but the pass's input makes [{string.Join(", ", value.shape)}] there.");

    private static Tensor Apply(Edit edit, HookPoint point, Tensor value)
    {
        var version = Extras.Version(value);
        var edited = edit(value, point.Site) ?? throw new PrismaException($"The edit at {point.Site} returned nothing.");
        if (Extras.Version(value) != version)
            throw new PrismaException($"The edit at {point.Site} wrote into the tensor it was given. Return a new tensor instead: others read the old one.");
        if (!ReferenceEquals(edited, value) && !edited.shape.AsSpan().SequenceEqual(value.shape))
            throw new ShapeException(
                $"The edit at {point.Site} returned [{string.Join(", ", edited.shape)}] for [{string.Join(", ", value.shape)}]; the shape must stay.");
        return edited;
    }
}

internal readonly record struct KeptValue(HookPoint Point, Tensor Value, bool Differentiable);

/// <summary>Ends a pass early; caught by the model.</summary>
internal sealed class StopRun : Exception;
