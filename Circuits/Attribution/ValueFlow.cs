using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What each token's values add to the target through the attention of one block (the last by default), with the pattern held fixed:
/// Σ over heads h and reading tokens t of A[t, s]·⟨v_s, ∂y/∂z_t⟩, signed. In the last block this is direct logit attribution to source tokens
/// (Elhage et al. 2021) with the final norm linearised. Over all tokens the values sum to Σ z·∂y/∂z.
/// </summary>
public sealed class ValueFlow : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "value-flow";

    /// <inheritdoc/>
    public override string Summary => "what each patch's values add to the target through the attention of one block (the last by default)";

    /// <inheritdoc/>
    public override string Meaning => "what the patch adds to the target by being attended to, to first order";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <summary>From a pattern A [B, H, T, S], values v [B, S, H, k] and gradients by what heads read g [B, T, H, k] to [B, S].</summary>
    public static Tensor Combine(Tensor pattern, Tensor values, Tensor gradients) =>
        einsum("bhts,bshk,bthk->bs", pattern, values, gradients);

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var layer = task.Layer(-1);
        // In forward order: values, pattern, what the heads read.
        HookSite[] sites = [task.Place(Site.V, layer), task.Place(Site.Pattern, layer), task.Place(Site.Z, layer)];
        var run = task.Differentiate(sites);
        var pattern = AttentionRead.Checked(task, run.Values[1]);
        if (run.Values[0].shape[2] != pattern.shape[1])
            throw task.NotApplicable($"{sites[0]} has {run.Values[0].shape[2]} heads, the pattern {pattern.shape[1]}");
        return new Finding(Combine(pattern, run.Values[0], run.Gradients[2]), FindingKind.PerToken, sites[2].ToString()) { Scores = run.Scores, Targets = run.Targets };
    }
}
