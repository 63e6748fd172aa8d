namespace Prisma.Circuits;

/// <summary>
/// Gradient × input on pixels: Σ over channels and pixels of a patch of x·∂y/∂x, signed. What the patch adds to the target compared with
/// zero after normalisation, if the model were linear.
/// </summary>
public sealed class GradientTimesInput : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "gradient-x-input";

    /// <inheritdoc/>
    public override string Summary => "pixel × gradient, summed over each patch";

    /// <inheritdoc/>
    public override string Meaning => "what the patch's pixels add to the target, to first order";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var run = task.DifferentiatePixels(task.Pixels, task.Target);
        return new Finding(task.InPatches(run.Values[0] * run.Gradients[0]), FindingKind.PerPlace, "pixels") { Scores = run.Scores, Targets = run.Targets };
    }
}
