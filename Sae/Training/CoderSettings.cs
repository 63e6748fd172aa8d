using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// All that decides how one coder is trained: its architecture with options, its optimiser, schedules, and the order of a step. Made from JSON,
/// usually as a preset with changes.
/// </summary>
public sealed record CoderSettings
{
    /// <summary>The architecture's name.</summary>
    public required string Architecture { get; init; }

    /// <summary>The architecture's own options.</summary>
    public required TrainedOptions Options { get; init; }

    /// <summary>How parameters follow gradients.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>How things change over the run.</summary>
    public ScheduleOptions Schedule { get; init; } = new();

    /// <summary>When features count as dead.</summary>
    public DeadOptions Dead { get; init; } = new();

    /// <summary>The order of a step; see <see cref="UpdatePart"/>.</summary>
    public IReadOnlyList<string> Update { get; init; } = ["loss", "clip(1)", "step"];

    /// <summary>The number that the first step has for schedules of the penalty and the threshold.</summary>
    public long FirstStep { get; init; }

    /// <summary>Checks everything against the sizes.</summary>
    /// <exception cref="OptionsException">Something does not work; all faults are listed.</exception>
    public void Validate(CoderShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var faults = new List<string>();
        if (shape.Features < 1) faults.Add($"features = {shape.Features} must be at least 1");
        Options.Validate(shape, faults);
        Optimizer.Validate(faults);
        Schedule.Validate(faults);
        if (Dead.After < 1) faults.Add($"dead.after = {Dead.After} must be at least 1");
        if (faults.Count > 0) throw new OptionsException($"The settings of the {Architecture} coder do not work: {string.Join("; ", faults)}.");
        UpdatePart.Parse(Update);
    }
}
