using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// SmoothGrad × input (Smilkov et al. 2017): the mean pixel gradient over noisy copies (σ = 0.15 of the picture's range, 50 copies),
/// times the picture, summed over each patch, signed.
/// </summary>
public sealed class SmoothGrad : AttributionMethod
{
    private const double Noise = 0.15;
    private const int Copies = 50;

    /// <inheritdoc/>
    public override string Name => "smooth-grad";

    /// <inheritdoc/>
    public override string Summary => "pixel × mean gradient over noisy copies, summed over each patch";

    /// <inheritdoc/>
    public override string Meaning => "what the patch's pixels add to the target, to first order, averaged over noise";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => 3 * (options.Samples ?? Copies);

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var (copies, batch) = (task.Options.Samples ?? Copies, task.Options.Batch);
        var settled = task.Settle();
        var maps = new List<Tensor>();
        for (var k = 0; k < task.Examples; k++)
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator((ulong)task.Options.Seed);
            var picture = task.Pixels.narrow(0, k, 1);
            var sigma = Noise * (picture.max() - picture.min()).item<float>();
            var summed = picture.zeros_like();
            for (var first = 0; first < copies; first += batch)
            {
                using var inner = NewDisposeScope();
                long[] shape = [Math.Min(batch, copies - first), .. picture.shape[1..]];
                var noisy = picture + randn(shape, generator: generator).to(picture.dtype, picture.device) * sigma;
                summed.add_(task.DifferentiatePixels(noisy, settled[k].Target).Gradients[0].sum(0, keepdim: true));
            }
            maps.Add(task.InPatches(picture * summed / copies).MoveToOuterDisposeScope());
        }
        return new Finding(cat(maps, 0), FindingKind.PerPlace, "pixels")
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Forwards = copies + 1,
        };
    }
}
