using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A place on the data path of a layer. It holds no callbacks: what happens here is in the <see cref="HookRun"/> of one forward pass.
/// </summary>
public sealed class HookPoint
{
    internal HookPoint(SiteKind kind, bool onDemand) => (Kind, OnDemand) = (kind, onDemand);

    /// <summary>The kind of place.</summary>
    public SiteKind Kind { get; }

    /// <summary>Costly to form, so computed only in runs whose plan asks for it.</summary>
    public bool OnDemand { get; }

    /// <summary>A pass may start here from a given stream: what lies before in this part of the model is then left out.</summary>
    public bool CanStart { get; internal init; }

    /// <summary>The place in its model; bound once, when the model walks its layers.</summary>
    public HookSite Site { get; internal set; }

    /// <summary>The position in forward order.</summary>
    public int Order { get; internal set; } = -1;

    /// <summary>Hands the value through: the identity unless the run's plan names this place. The result must be used.</summary>
    public Tensor Pass(Tensor value, HookRun run) => run.Visit(this, value);
}
