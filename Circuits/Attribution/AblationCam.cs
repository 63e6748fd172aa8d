using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Ablation-CAM (Desai and Ramaswamy 2020): w = y − y with the channel set to zero in all tokens. The paper divides by y, which only scales
/// the map, but would turn it round for targets below zero, such as log-probabilities. Asks the model only forwards, once for each channel.
/// </summary>
public sealed class AblationCam : ChannelActivationMap
{
    /// <inheritdoc/>
    public override string Name => "ablation-cam";

    /// <inheritdoc/>
    public override string Summary => "Ablation-CAM on the tokens entering a block's attention: one pass for each channel";

    /// <inheritdoc/>
    public override string Meaning => "positive sum of the patch's channels, weighted by the target's drop without the channel";

    /// <inheritdoc/>
    protected override double[] Weights(AttributionTask task, int example, (Target Target, double Score) settled, HookSite site, Tensor channels, Tensor a)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(channels);
        task.RefuseEarlierTarget(site);
        using var scope = NewDisposeScope();
        var picture = task.Pixels.narrow(0, example, 1);
        var scores = task.Scores(settled.Target, (int)channels.shape[0],
            (_, count) => picture.expand([count, .. picture.shape[1..]]).contiguous(),
            (first, count) => HookPlan.Empty.Edit(site, (value, _) => Without(value, channels.narrow(0, first, count))));
        return [.. scores.Select(score => settled.Score - score)];
    }

    // The copies lie one behind another on the batch axis; each loses a channel of its own.
    private static Tensor Without(Tensor value, Tensor channels)
    {
        using var scope = NewDisposeScope();
        var keep = ones([channels.shape[0], value.shape[^1]], value.dtype, value.device).scatter(1, channels.unsqueeze(1), zeros([channels.shape[0], 1], value.dtype, value.device));
        var rows = keep.repeat_interleave(value.shape[0] / channels.shape[0], 0);
        return (value * rows.view([rows.shape[0], .. Enumerable.Repeat(1L, (int)value.dim() - 2), rows.shape[1]])).MoveToOuterDisposeScope();
    }
}
