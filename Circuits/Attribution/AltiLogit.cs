using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// ALTI-Logit (Ferrando et al. 2023): what each block's heads add straight to the target, told apart by the tokens they read (⟨A[t, s]·v_s·W_O,
/// ∂y/∂(last stream)⟩), is traced back to the tokens entering the first block (or the one given) by how much of every token each earlier
/// block mixed from which: ALTI's max(0, ‖x̃_t‖₁ − ‖x̃_t − T_t(x_s)‖₁), rows normalised. MLPs keep tokens apart and are left out; what
/// they add straight to the target is on no map. Over all tokens the values sum to what the heads' values add.
/// </summary>
public sealed class AltiLogit : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "alti-logit";

    /// <inheritdoc/>
    public override string Summary => "what all heads add straight to the target, traced back to the patches that their tokens were mixed from";

    /// <inheritdoc/>
    public override string Meaning => "what the patch adds to the target through the heads of all blocks, the last norm linearised";

    /// <inheritdoc/>
    public override bool Signed => true;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => 4;

    /// <summary>How much of every token is mixed from which: [T, S], not negative, rows sum to 1. The caller (or its scope) disposes it.</summary>
    /// <param name="parts">T_t(x_s), what token s gives to token t, the stream itself on the diagonal: [T, S, d].</param>
    /// <param name="whole">x̃_t, the stream behind attention: [T, d].</param>
    public static Tensor Mixture(Tensor parts, Tensor whole)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(whole);
        using var scope = NewDisposeScope();
        var near = (whole.abs().sum(-1L).unsqueeze(1) - (whole.unsqueeze(1) - parts).abs().sum(-1L)).relu();
        var sums = near.sum(-1, keepdim: true);
        // A token that is near none of its parts stays itself.
        var itself = eye(near.shape[0], dtype: near.dtype, device: near.device) * sums.eq(0).to(near.dtype);
        return ((near + itself) / (sums + sums.eq(0).to(near.dtype))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var first = task.Layer(0);
        int[] layers = [.. Enumerable.Range(first, task.Blocks - first)];
        var found = task.Model.InBlocks<Attention>(task.Part, exact: true).ToLookup(block => block.Layer, block => block.Module);
        if (layers.FirstOrDefault(layer => found[layer].Count() != 1, -1) is >= 0 and var odd) throw task.NotApplicable($"block {odd} of {task.Model.Card.Name} has {found[odd].Count()} plain attention layers, needed is one");
        var attentions = layers.ToDictionary(layer => layer, layer => found[layer].Single());
        var last = task.Place(Site.ResidPost, task.Blocks - 1);
        HookSite[] kept = [.. layers.SelectMany(layer => new[] { Site.ResidPre, Site.V, Site.Pattern }.Select(kind => task.Place(kind, layer)))];
        var answer = task.Differentiate(last);
        using var mode = no_grad();
        var (kinds, part) = (HeadWriting.Kinds, task.Part);
        using var recording = task.Model.Run(task.Input, HookPlan.Empty.Keep(kept).Keep(point => point.Site.Path.Part == part && kinds.Contains(point.Kind)));
        foreach (var layer in layers) _ = AttentionRead.Checked(task, recording.Cache[task.Place(Site.Pattern, layer)]);
        var writings = layers.ToDictionary(layer => layer, layer => new HeadWriting(task.Model, attentions[layer], recording.Cache, layer, part));
        var maps = Enumerable.Range(0, task.Examples).Select(k => Trace(task, recording, attentions, writings, layers, answer.Gradients[0][k], k)).ToList();
        return new Finding(stack(maps), FindingKind.PerToken, $"{kept[0]} to {last}")
        {
            Scores = answer.Scores,
            Targets = answer.Targets,
            Note = "What MLPs add straight to the target is not told apart by patch.",
            Forwards = 2,
        };
    }

    // One example's values of all tokens, [P]; one block's parts at a time, since they take P·P·d numbers.
    private static Tensor Trace(AttributionTask task, Recording recording, Dictionary<int, Attention> attentions, Dictionary<int, HeadWriting> writings, int[] layers, Tensor gradient, int example)
    {
        using var scope = NewDisposeScope();
        var tokens = gradient.shape[0];
        var mixed = eye(tokens, dtype: gradient.dtype, device: gradient.device);
        var map = zeros([tokens], gradient.dtype, gradient.device);
        foreach (var layer in layers)
        {
            using var inner = NewDisposeScope();
            Tensor At(SiteKind kind) => recording.Cache[task.Place(kind, layer)][example].detach();
            var (attention, pattern, values) = (attentions[layer], At(Site.Pattern), At(Site.V));
            if (values.shape[1] != attention.Heads) values = values.repeat_interleave(attention.Heads / values.shape[1], 1);
            // What each head of token t reads from token s, side by side: [T, S, H·k].
            var parts = writings[layer].Written(einsum("hts,shk->tshk", pattern, values).flatten(2), example);
            map.add_(einsum("tsd,td->s", parts, gradient).matmul(mixed));
            var stream = At(Site.ResidPre);
            parts.diagonal(0, 0, 1).add_(stream.t());
            mixed = Mixture(parts, stream + At(Site.AttnOut)).matmul(mixed).MoveToOtherDisposeScope(scope);
        }
        return map.MoveToOuterDisposeScope();
    }
}
