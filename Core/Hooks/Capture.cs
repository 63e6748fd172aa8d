using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>How a value is kept: which token positions, as which type, on which device. The forward pass is not touched by it.</summary>
public sealed record Capture
{
    /// <summary>The value as it is.</summary>
    public static Capture Whole { get; } = new();

    /// <summary>Token positions to keep, negative ones from the end; all where null. Cuts the Token, Patch or Query axis.</summary>
    public IReadOnlyList<int>? Positions { get; init; }

    /// <summary>The type to store; the value's own where null.</summary>
    public ScalarType? Dtype { get; init; }

    /// <summary>The device to store on; the value's own where null.</summary>
    public Device? Device { get; init; }

    // Ownership: the caller's; detached from every scope. Strided views are made dense, since a view of q would keep q, k and v alive.
    internal Tensor Take(HookPoint point, Tensor value)
    {
        using var scope = NewDisposeScope();
        var taken = value;
        if (Positions is { } positions)
        {
            var axis = TokenAxis(point.Kind);
            var length = value.shape[axis];
            var indices = positions.Select(p => (long)(p < 0 ? p + length : p)).ToArray();
            if (indices.Any(p => p < 0 || p >= length))
                throw new ShapeException($"{point.Site}: positions {string.Join(", ", positions)} were asked for, but there are {length} tokens (0 to {length - 1}).");
            taken = taken.index_select(axis, tensor(indices, device: value.device));
        }
        if (Dtype is { } dtype && dtype != taken.dtype) taken = taken.to(dtype);
        if (Device is { } device && device.type != taken.device_type) taken = taken.to(device);
        taken = taken.is_contiguous() ? taken.alias() : taken.contiguous();
        return taken.DetachFromDisposeScope();
    }

    private static int TokenAxis(SiteKind kind)
    {
        for (var k = 0; k < kind.Axes.Count; k++)
            if (kind.Axes[k] is Axis.Token or Axis.Patch or Axis.Query) return k;
        throw new ShapeException($"{kind.Name} has no token axis, so no positions can be cut from it.");
    }
}
