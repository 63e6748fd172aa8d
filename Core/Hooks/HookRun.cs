using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>What is to happen at one point in one run.</summary>
internal sealed class PointActions
{
    internal Capture? Keep { get; set; }
    internal List<Edit> Edits { get; } = [];
    internal bool Gradient { get; set; }
    internal bool Stop { get; set; }
}

/// <summary>One forward pass under a plan: handed from layer to layer, gone when the pass is over.</summary>
public sealed class HookRun
{
    private readonly PointActions?[]? _actions;

    internal HookRun(PointActions?[]? actions, bool records, bool trains) => (_actions, RecordsGraph, Trains) = (actions, records, trains);

    internal bool RecordsGraph { get; }

    internal bool Trains { get; }

    internal List<KeptValue> Kept { get; } = [];

    /// <summary>Whether the plan names this place: costly values are formed only then.</summary>
    public bool Wants(HookPoint point) => _actions?[point.Order] is not null;

    // On the idle path: one null test, or one array read.
    internal Tensor Visit(HookPoint point, Tensor value)
    {
        if (_actions?[point.Order] is not { } action) return value;
        foreach (var edit in action.Edits) value = Apply(edit, point, value);
        if (action.Gradient && !value.requires_grad) value = value.detach().requires_grad_();
        if (action.Gradient)
            Kept.Add(new KeptValue(point, value.alias().DetachFromDisposeScope(), Differentiable: true));
        else if (action.Keep is { } capture)
            Kept.Add(new KeptValue(point, capture.Take(point, RecordsGraph ? value.detach() : value), Differentiable: false));
        if (action.Stop) throw new StopRun();
        return value;
    }

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
