namespace Prisma.Circuits;

/// <summary>The gradient's magnitude (Simonyan et al. 2014): the largest |∂y/∂x| over the channels of a pixel, mean over each patch.</summary>
public sealed class Saliency : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "saliency";

    /// <inheritdoc/>
    public override string Summary => "magnitude of the gradient by pixels, mean over each patch";

    /// <inheritdoc/>
    public override string Meaning => "how strongly the target reacts to small changes of the patch's pixels, either way";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var run = task.DifferentiatePixels(task.Pixels, task.Target);
        var strongest = run.Gradients[0].abs().amax([task.ChannelAxis(run.Gradients[0])], keepdim: true);
        var mean = task.InPatches(strongest) / (task.Layout.PatchHeight * task.Layout.PatchWidth * task.Layout.Tubelet);
        return new Finding(mean, FindingKind.PerPlace, "pixels") { Scores = run.Scores, Targets = run.Targets };
    }
}
