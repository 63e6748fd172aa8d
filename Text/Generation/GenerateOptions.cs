using Prisma.Core;

namespace Prisma.Text;

/// <summary>How a text goes on.</summary>
public sealed record GenerateOptions
{
    /// <summary>The most tokens that are made.</summary>
    public int MaxTokens { get; init; } = 50;

    /// <summary>What logits are divided by before the softmax; 0 takes the most probable token every time.</summary>
    public double Temperature { get; init; }

    /// <summary>Only so many of the most probable tokens are drawn from; all where null.</summary>
    public int? TopK { get; init; }

    /// <summary>Only the fewest tokens that together have this probability are drawn from (Holtzman et al. 2019); all where null.</summary>
    public double? TopP { get; init; }

    /// <summary>The seed of the draws.</summary>
    public ulong Seed { get; init; }

    /// <summary>Ids that end a text; they are the last that is given out.</summary>
    public IReadOnlyCollection<int> Stop { get; init; } = [];

    /// <summary>What is kept and edited in every pass.</summary>
    public HookPlan Plan { get; init; } = HookPlan.Empty;

    /// <summary>Edits of single steps, on top of the plan.</summary>
    public IReadOnlyList<StepEdit> Edits { get; init; } = [];

    /// <summary>Keep keys and values of earlier tokens, so that a pass reads only new ones; without, every pass reads the whole text.</summary>
    public bool UseMemory { get; init; } = true;

    /// <summary>Told what each pass left, before it is disposed: the step and the recording up to the final norm.</summary>
    public Action<int, Recording>? Observe { get; init; }

    /// <summary>Lists every fault.</summary>
    /// <exception cref="OptionsException">A value is out of range.</exception>
    internal void Validate()
    {
        var faults = new List<string>();
        if (MaxTokens < 1) faults.Add($"MaxTokens = {MaxTokens} must be at least 1");
        if (!double.IsFinite(Temperature) || Temperature < 0) faults.Add($"Temperature = {Temperature} must be 0 or above");
        if (TopK < 1) faults.Add($"TopK = {TopK} must be at least 1");
        if (TopP is not null and not (> 0 and <= 1)) faults.Add($"TopP = {TopP} must be above 0 and at most 1");
        foreach (var edit in Edits)
            if (edit.From < 0 || edit.Until <= edit.From) faults.Add($"the edit of {edit.Site} has no steps ({edit.From} to {edit.Until})");
        if (faults.Count > 0) throw new OptionsException($"The options of generation do not work: {string.Join("; ", faults)}.");
    }
}
