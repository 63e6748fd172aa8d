using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Tests what an attribution graph claims: features are driven to a multiple of their strength, (wanted − present)·direction is added to what their
/// block's MLP writes (of a cross-layer transcoder to every block that they reach), and the answer and other features are looked at.
/// </summary>
public static class GraphIntervention
{
    /// <summary>Drives supernodes on one example.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">One example. Borrowed.</param>
    /// <param name="coders">The transcoders of its MLPs.</param>
    /// <param name="changes">Which supernodes become how strong.</param>
    /// <param name="watched">Supernodes whose activation is reported; null: those that are driven.</param>
    /// <param name="hold">What stays as in the unchanged run.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="OptionsException">A member does not exist, or there is more than one example.</exception>
    public static SupernodeEffect Run(HookedModel model, ModelInput input, TranscoderLayers coders, IReadOnlyList<SupernodeChange> changes,
        IReadOnlyList<Supernode>? watched = null, InterventionHold hold = InterventionHold.Attention, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coders);
        ArgumentNullException.ThrowIfNull(changes);
        watched ??= [.. changes.Select(change => change.Node)];
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var reads = new PatchGrid(coders.Reads, PatchAxes.Layer) { Part = part }.Sites(model);
        if (reads.Count != coders.Count) throw new OptionsException($"There are {coders.Count} transcoders for {reads.Count} blocks of {model.Card.Name}.");
        part = reads[0].Path.Part;
        HookSite[] writes = [.. reads.Select(site => Site.MlpOut[site.Path.Layer].In(part))];
        bool Held(HookPoint point) => point.Site.Path.Part == part && !point.OnDemand && hold switch
        {
            InterventionHold.Nothing => false,
            InterventionHold.Attention => point.Kind == Site.Pattern,
            _ => point.Kind == Site.Pattern || point.Kind.Axes[^1] == Axis.One || writes.Contains(point.Site),
        };
        HookSite[] held = [.. model.Points.Where(Held).Select(point => point.Site)];
        using var plain = model.Run(input, HookPlan.Empty.Keep([.. held.Union(reads)]));
        if (plain.Cache[reads[0]].shape[0] != 1) throw new OptionsException("Supernodes are driven on one example; give one.");
        var before = Enumerable.Range(0, coders.Count).Select(layer => Strengths(coders, layer, plain.Cache[reads[layer]])).ToList();
        Check(changes.Select(change => change.Node).Concat(watched), coders, before[0].shape[0]);
        var plan = HookPlan.Empty.Keep([.. reads]);
        foreach (var site in held) plan = plan.Edit(site, (_, _) => plain.Cache[site]);
        plan = Driven(plan, coders, changes, before, plain, reads, writes, hold == InterventionHold.AllButDirect);
        using var changed = model.Run(input, plan);
        var after = Enumerable.Range(0, coders.Count).Select(layer => Strengths(coders, layer, changed.Cache[reads[layer]])).ToList();
        return new SupernodeEffect(Numbers.Of(Target.LogitsOf(plain)), Numbers.Of(Target.LogitsOf(changed)), [.. watched.Select(node => (node, Sum(node, before), Sum(node, after)))]);
    }

    // What is present is read in the same pass, so that a supernode across blocks ends at what was asked for; direct effects leave what is present out.
    private static HookPlan Driven(HookPlan plan, TranscoderLayers coders, IReadOnlyList<SupernodeChange> changes, List<Tensor> before, Recording plain, IReadOnlyList<HookSite> reads, HookSite[] writes, bool direct)
    {
        var wanted = before.Select((strengths, layer) =>
        {
            var (value, mask) = (strengths.clone(), strengths.zeros_like());
            foreach (var (node, factor) in changes)
                foreach (var member in node.Members.Where(member => member.Layer == layer))
                {
                    var (own, marks) = member.Token is { } token ? (value[token], mask[token]) : (value, mask);
                    own.select(own.ndim - 1, member.Feature).mul_(factor);
                    marks.select(marks.ndim - 1, member.Feature).fill_(1);
                }
            return (Value: value, Mask: mask);
        }).ToList();
        var scope = CurrentDisposeScope;
        var (steps, skipped) = (new Tensor?[coders.Count], new Tensor?[coders.Count]);
        for (var k = 0; k < coders.Count; k++)
        {
            var layer = k;
            plan = plan.Edit(reads[layer], (value, _) =>
            {
                var present = direct ? before[layer] : Strengths(coders, layer, value);
                steps[layer] = ((wanted[layer].Value - present) * wanted[layer].Mask).MoveToOtherDisposeScope(scope);
                // Skip connections are part of the graph's direct effects.
                if (direct && coders.Skip(layer) is { } skip) skipped[layer] = (value - plain.Cache[reads[layer]]).matmul(skip.t()).MoveToOtherDisposeScope(scope);
                return value;
            });
            plan = plan.Edit(writes[layer], (value, _) =>
            {
                var sum = skipped[layer] is { } passed ? value + passed : value;
                for (var from = 0; from <= layer; from++)
                    if (steps[from] is { } step && coders.Directions(from, layer) is { } directions) sum += step.matmul(directions).unsqueeze(0);
                return sum;
            });
        }
        return plan;
    }

    // [P, F].
    private static Tensor Strengths(TranscoderLayers coders, int layer, Tensor value)
    {
        using var codes = coders.Encode(layer, value);
        return codes.ToDense();
    }

    private static double Sum(Supernode node, List<Tensor> strengths) => node.Members.Sum(member =>
        (double)strengths[member.Layer].select(1, member.Feature).narrow(0, member.Token ?? 0, member.Token is null ? strengths[member.Layer].shape[0] : 1).sum().item<float>());

    private static void Check(IEnumerable<Supernode> nodes, TranscoderLayers coders, long tokens)
    {
        foreach (var node in nodes)
            foreach (var member in node.Members)
                if (member.Layer < 0 || member.Layer >= coders.Count || member.Feature < 0 || member.Feature >= coders.Features || member.Token < 0 || member.Token >= tokens)
                    throw new OptionsException($"Supernode '{node.Name}': there is no {member}; there are {coders.Count} blocks of {coders.Features} features and {tokens} tokens.");
    }
}
