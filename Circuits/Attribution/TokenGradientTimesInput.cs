using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// Gradient × input on tokens: Σ over the width of x·∂y/∂x where the stream enters a block (the first by default, that is, at the
/// embeddings with their positions), signed.
/// </summary>
public sealed class TokenGradientTimesInput : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "token-gradient-x-input";

    /// <inheritdoc/>
    public override string Summary => "token × gradient at the input of a block (the first by default)";

    /// <inheritdoc/>
    public override string Meaning => "what the token's vector adds to the target, to first order";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var site = task.Place(Site.ResidPre, task.Layer(0));
        var run = task.Differentiate(site);
        return new Finding(task.OnGrid((run.Values[0] * run.Gradients[0]).sum(2L)), FindingKind.PerToken, site.ToString()) { Scores = run.Scores, Targets = run.Targets };
    }
}
