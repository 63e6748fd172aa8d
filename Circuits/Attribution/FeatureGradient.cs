using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Features × gradient: what the features of a sparse coder add to the target where they fire, f·⟨direction, ∂y/∂x⟩, signed; all features
/// together, or one. Made with a coder, so it is not in the list of all methods.
/// </summary>
/// <param name="coder">A coder of one place. Borrowed.</param>
/// <param name="feature">One feature; all where null.</param>
/// <param name="splice">Place and name checks.</param>
public sealed class FeatureGradient(ISparseCoder coder, int? feature = null, SpliceOptions? splice = null) : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => feature is { } one ? $"feature-{one}-gradient" : "feature-gradient";

    /// <inheritdoc/>
    public override string Summary => "feature × gradient at the coder's place";

    /// <inheritdoc/>
    public override string Meaning => feature is { } one ? $"what feature {one} adds to the target at the patch, to first order" : "what the coder's features add to the target at the patch, to first order";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <summary>What each feature adds at each of the coder's tokens, [B, T, F], with the coder's place. The caller (or its scope) disposes it.</summary>
    public static Tensor PerFeature(AttributionTask task, ISparseCoder coder, CoderPlacement placement, out Differentiated run)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(placement);
        run = task.Differentiate(placement.Reads);
        var own = placement.Own(run.Values[0]);
        using var codes = coder.Encode(own);
        return codes.ToDense().view(own.shape[0], own.shape[1], -1) * placement.Own(run.Gradients[0]).matmul(coder.Directions.t());
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var placement = CoderPlacement.Of(coder, task.Model, task.Input, splice);
        if (placement.Reads != placement.Writes) throw task.NotApplicable($"{coder.Card.Name} is a transcoder");
        if (feature is { } wrong && (wrong < 0 || wrong >= coder.Card.Features)) throw new OptionsException($"There is no feature {wrong} in {coder.Card.Name}: it has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
        var each = PerFeature(task, coder, placement, out var run);
        var map = feature is { } one ? each.select(2, one) : each.sum(2L);
        var (before, tokens) = (placement.Tokens?.Start ?? 0, run.Values[0].shape[1]);
        if (tokens != task.Shape.Tokens) throw task.NotApplicable($"{placement.Reads} has {tokens} tokens, {(task.IsStepwise ? "a time step" : "the picture")} {task.Shape.Tokens}");
        var whole = zeros([map.shape[0], tokens], map.dtype, map.device);
        whole.narrow(1, before, map.shape[1]).copy_(map);
        return new Finding(task.OnGrid(whole), FindingKind.PerToken, placement.Reads.ToString()) { Scores = run.Scores, Targets = run.Targets };
    }
}
