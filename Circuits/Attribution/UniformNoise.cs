using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A baseline: independent uniform noise in 0–1. Its energy lies on objects in proportion to their area.</summary>
public sealed class UniformNoise : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "random";

    /// <inheritdoc/>
    public override string Summary => "baseline: uniform noise";

    /// <inheritdoc/>
    public override string Meaning => "nothing: noise to compare with";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <inheritdoc/>
    public override bool IsBaseline => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        using var generator = new Generator((ulong)task.Options.Seed);
        return new Finding(rand([task.Examples, task.Layout.Tokens], generator: generator), FindingKind.PerToken, "nowhere") { Forwards = 0 };
    }
}
