using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Activation maps whose channels are weighted by gradients g of the target, in one differentiated pass.</summary>
public abstract class TokenActivationMap : ActivationMap
{
    /// <summary>From maps and gradients, both [B, N, d], to one value per patch [B, N].</summary>
    public abstract Tensor Combine(Tensor a, Tensor g);

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = Place(task);
        var run = task.Differentiate(site);
        var map = Combine(OnPatches(task, site, run.Values[0]), OnPatches(task, site, run.Gradients[0]));
        return new Finding(map, FindingKind.PerPlace, site.ToString()) { Scores = run.Scores, Targets = run.Targets };
    }
}
