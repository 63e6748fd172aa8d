using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A target of its own for every example of a batch, so that different questions share a pass.</summary>
public sealed class PerExample : Target
{
    private readonly IReadOnlyList<Target> _targets;

    /// <summary>Takes one target for each example, in the batch's order.</summary>
    /// <exception cref="OptionsException">There is none, or they are read at different places.</exception>
    public PerExample(IReadOnlyList<Target> targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        if (targets.Count == 0) throw new OptionsException("A batch with a target for each example needs at least one.");
        if (targets.Select(target => target.ReadsAt).Distinct().Count() > 1)
            throw new OptionsException($"The targets of one batch are read at different places ({string.Join(", ", targets.Select(target => $"'{target.Name}'").Distinct())}); explain them one at a time.");
        _targets = targets;
    }

    /// <inheritdoc/>
    public override string Name => "each example's own target";

    /// <inheritdoc/>
    public override HookSite? ReadsAt => _targets[0].ReadsAt;

    /// <inheritdoc/>
    public override Target ForCurves => new PerExample([.. _targets.Select(target => target.ForCurves)]);

    /// <inheritdoc/>
    public override HookPlan Ask(HookPlan plan) => _targets[0].Ask(plan);

    /// <inheritdoc/>
    public override HookPlan AskForGradients(HookPlan plan) => _targets[0].AskForGradients(plan);

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        using var scope = NewDisposeScope();
        var values = _targets.Select((target, k) => Checked(target.Of(recording))[k]);
        return stack(values).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Target Settle(Recording plain, int example) => _targets[example].Settle(plain, example);

    private Tensor Checked(Tensor values) => values.shape[0] == _targets.Count
        ? values
        : throw new OptionsException($"{_targets.Count} targets were given for {values.shape[0]} examples.");
}
