using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Class activation maps on tokens: feature maps a [B, N, d] and gradients g of the target by them, read after the first norm of a block
/// (the last by default: past it, the patches of a model that reads its class token carry no gradient). Tokens without a place are left out.
/// </summary>
public abstract class TokenActivationMap : AttributionMethod
{
    /// <inheritdoc/>
    public override bool Signed => false;

    /// <summary>From maps and gradients, both [B, N, d], to one value per patch [B, N].</summary>
    public abstract Tensor Combine(Tensor a, Tensor g);

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = task.Place(Site.Ln1Normalized, task.Layer(-1));
        var run = task.Differentiate(site);
        var (prefix, places) = (task.Layout.Prefix, task.Layout.GridTokens);
        var (values, gradients) = (task.OnGrid(run.Values[0]), task.OnGrid(run.Gradients[0]));
        if (values.shape[1] != task.Layout.Tokens)
            throw task.NotApplicable($"{site} has {values.shape[1]} tokens, the picture {task.Layout.Tokens}");
        var map = Combine(values.narrow(1, prefix, places), gradients.narrow(1, prefix, places));
        var padded = prefix == 0 ? map : cat([zeros([map.shape[0], prefix], map.dtype, map.device), map], 1);
        return new Finding(padded, FindingKind.PerToken, site.ToString()) { Scores = run.Scores, Targets = run.Targets };
    }
}
