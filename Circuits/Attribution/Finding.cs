using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What the columns of a finding are.</summary>
public enum FindingKind
{
    /// <summary>All tokens, those without a place included; they are left out of the map.</summary>
    PerToken,
    /// <summary>Places in time, row, column order.</summary>
    PerPlace,
}

/// <summary>What a method computed for a batch, before it becomes heatmaps.</summary>
/// <param name="Values">[B, tokens] or [B, places].</param>
/// <param name="Kind">Which of the two.</param>
/// <param name="Place">Where it was read.</param>
public sealed record Finding(Tensor Values, FindingKind Kind, string Place)
{
    /// <summary>The target's value per example.</summary>
    public IReadOnlyList<double>? Scores { get; init; }

    /// <summary>The settled target's name per example.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>A remark on all maps.</summary>
    public string Note { get; init; } = "";

    /// <summary>A remark on each map.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>What is missing from completeness, per example.</summary>
    public IReadOnlyList<double>? Gaps { get; init; }

    /// <summary>Pictures passed forward for one map.</summary>
    public long Forwards { get; init; } = 1;
}
