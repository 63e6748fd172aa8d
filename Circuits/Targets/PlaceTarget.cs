using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A number read from the value at a place inside the model: a neuron, or a feature of a sparse coder.</summary>
/// <param name="site">The place.</param>
/// <param name="read">From the value there ([B, ...]) to one number per example, [B]; differentiable.</param>
/// <param name="name">What is read.</param>
public sealed class PlaceTarget(HookSite site, Func<Tensor, Tensor> read, string name) : Target
{
    /// <inheritdoc/>
    public override string Name { get; } = name;

    /// <inheritdoc/>
    public override HookSite? ReadsAt { get; } = site;

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        using var scope = NewDisposeScope();
        var value = recording.Cache[ReadsAt!.Value];
        var numbers = read(value);
        if (numbers.dim() != 1 || numbers.shape[0] != value.shape[0])
            throw new ShapeException($"'{Name}' at {ReadsAt} gave [{string.Join(", ", numbers.shape)}] for {value.shape[0]} examples; one number for each is needed.");
        return numbers.MoveToOuterDisposeScope();
    }
}
