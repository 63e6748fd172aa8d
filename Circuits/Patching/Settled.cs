using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A target fixed on the unchanged examples of a batch, so that any number of changed copies is asked the same questions.</summary>
internal sealed class Settled
{
    private readonly IReadOnlyList<Target> _targets;

    internal Settled(Target target, Recording plain, int examples)
    {
        _targets = [.. Enumerable.Range(0, examples).Select(k => target.Settle(plain, k))];
        Target = target;
    }

    /// <summary>The target as it was asked for.</summary>
    internal Target Target { get; }

    internal int Examples => _targets.Count;

    internal string Name => string.Join("; ", _targets.Select(target => target.Name).Distinct());

    /// <summary>The number of every row of a pass on copies of the batch, copy after copy: [copies, B]; differentiable.</summary>
    internal Tensor Of(Recording recording)
    {
        using var scope = NewDisposeScope();
        var columns = _targets.Select((target, k) => target.Of(recording).reshape(-1, Examples).select(1, k));
        return stack(columns, 1).MoveToOuterDisposeScope();
    }
}
