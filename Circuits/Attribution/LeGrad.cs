using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// LeGrad (Bousselham et al. 2024): each block's stream, mean over all tokens, is decoded with the model's own end; the positive part of the
/// target's gradient by that block's attention, mean over heads and queries, says which tokens it is sensitive to; summed over the blocks
/// from one on (the last but one by default).
/// </summary>
public sealed class LeGrad : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "legrad";

    /// <inheritdoc/>
    public override string Summary => "positive gradient of each block's own answer by its attention, from a block (the last but one by default) to the last";

    /// <inheritdoc/>
    public override string Meaning => "how much attention to the patch would raise the target, decoded at each block";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override int Passes(TokenLayout layout, AttributionOptions options) => 4;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (task.Model is not ILogitReadout { Readout: not null } readout || readout.ReadoutPart != task.Part)
            throw task.NotApplicable($"{task.Model.Card.Name} does not end in a linear head on the stream that sees the picture");
        if (task.Target.ReadsAt is not null) throw task.NotApplicable($"'{task.Target.Name}' is not read from the model's answer");
        var first = task.Layer(task.Blocks > 1 ? -2 : -1);
        int[] layers = [.. Enumerable.Range(first, task.Blocks - first)];
        HookSite[] patterns = [.. layers.Select(layer => task.Place(Site.Pattern, layer))];
        HookSite[] streams = [.. layers.Select(layer => task.Place(Site.ResidPost, layer))];
        var settled = task.Settle();
        var target = new PerExample([.. settled.Select(one => one.Target)]);
        using var recording = task.Model.Run(task.Input, HookPlan.Empty.WithGradients([.. patterns, .. streams]));
        using var graph = enable_grad();
        var map = zeros([task.Examples, task.Layout.Tokens]);
        for (var k = 0; k < layers.Length; k++)
        {
            var pattern = AttentionRead.Checked(task, recording.Cache[patterns[k]]);
            var answer = readout.Unembed(recording.Cache[streams[k]].mean([1]));
            using var read = Recording.Of([.. Names(recording).Select(name => (name, name == "logits" ? answer.alias() : nn.functional.normalize(answer)))]);
            var gradient = autograd.grad([target.Of(read).sum()], [pattern], retain_graph: true)[0];
            using (no_grad()) map += gradient.relu().mean([1, 2]).cpu();
        }
        return new Finding(map.detach(), FindingKind.PerToken, $"{patterns[0]} to {patterns[^1]}")
        {
            Scores = [.. settled.Select(one => one.Score)],
            Targets = [.. settled.Select(one => one.Target.Name)],
            Forwards = 2,
        };
    }

    // What a target may ask for, as far as the model gives it and its head computes it.
    private static IEnumerable<string> Names(Recording recording) => new[] { "logits", "image_embeds" }.Where(recording.Outputs.ContainsKey);
}
