using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Score-CAM (Wang et al. 2020): each channel's map, enlarged and brought to 0–1, dims the picture; w = softmax over channels of the target
/// on the dimmed pictures. Asks the model only forwards, once for each channel.
/// </summary>
public sealed class ScoreCam : ChannelActivationMap
{
    /// <inheritdoc/>
    public override string Name => "score-cam";

    /// <inheritdoc/>
    public override string Summary => "Score-CAM on the tokens entering a block's attention: one pass for each channel";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels, weighted by the target on the picture dimmed by the channel's map";

    /// <inheritdoc/>
    protected override double[] Weights(AttributionTask task, int example, (Target Target, double Score) settled, HookSite site, Tensor channels, Tensor a)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(a);
        var layout = task.Layout;
        if (layout.Frames != 1) throw task.NotApplicable("it masks single pictures");
        using var scope = NewDisposeScope();
        var picture = task.Pixels.narrow(0, example, 1);
        var fill = Fill.Of(picture, task.Options.Fill, task.Options.BlurSigma);
        var grids = a.t().reshape(-1, 1, layout.Rows, layout.Columns);
        var scores = task.Scores(settled.Target, (int)a.shape[1], (first, count) =>
        {
            using var inner = NewDisposeScope();
            var large = nn.functional.interpolate(grids.narrow(0, first, count), [picture.shape[2], picture.shape[3]], mode: InterpolationMode.Bilinear, align_corners: false);
            var (low, high) = (large.amin([2L, 3L], keepdim: true), large.amax([2L, 3L], keepdim: true));
            // A channel that is the same everywhere shows nothing.
            var mask = ((large - low) / (high - low + 1e-7)).to(picture.dtype);
            return (fill + (picture - fill) * mask).MoveToOuterDisposeScope();
        });
        var highest = scores.Max();
        var odds = scores.Select(score => Math.Exp(score - highest)).ToList();
        var total = odds.Sum();
        return [.. odds.Select(one => one / total)];
    }
}
