using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Builds the attribution graph of one example from its local replacement model: MLP outputs are the transcoders' features and a fixed
/// error; skip connections of transcoders stay as they are; attention patterns and the scales of all norms are fixed; so every target is linear in every source, and one backward pass
/// from a target gives all its incoming edges.
/// </summary>
public static class AttributionGraphBuilder
{
    /// <summary>Builds the whole graph; <see cref="GraphPruning"/> makes it readable.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">One example. Borrowed.</param>
    /// <param name="coders">The transcoders of its MLPs.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="NotApplicableException">The features do not write along fixed directions, or the model gives no logits.</exception>
    /// <exception cref="PrismaException">Transcoders and model do not fit.</exception>
    public static AttributionGraph Build(HookedModel model, ModelInput input, TranscoderLayers coders, AttributionGraphOptions? options = null, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coders);
        options ??= new AttributionGraphOptions();
        options.Check();
        using var scope = NewDisposeScope();
        var reads = new PatchGrid(coders.Reads, PatchAxes.Layer) { Part = part }.Sites(model);
        if (reads.Count != coders.Count) throw new OptionsException($"There are {coders.Count} transcoders for {reads.Count} blocks of {model.Card.Name}.");
        part = reads[0].Path.Part;
        HookSite[] writes = [.. reads.Select(site => Site.MlpOut[site.Path.Layer].In(part))];
        var embedding = Site.ResidPre[0].In(part);
        var plan = Linear(Frozen(model, part), coders, reads, writes).WithGradients([embedding, .. writes, .. reads]);
        using var recording = model.Run(input, plan);
        if (recording.Cache[embedding].shape[0] != 1) throw new OptionsException("An attribution graph shows one example; give one.");
        using var graph = enable_grad();
        using var sources = GraphSources.Of(model, input, recording, coders, reads, writes, embedding, options);
        return new GraphRows(recording, coders, sources, reads, [embedding, .. writes], options).Fill(model);
    }

    // MLPs are constants but for the transcoders' skip connections, which gradients pass.
    private static HookPlan Linear(HookPlan plan, TranscoderLayers coders, IReadOnlyList<HookSite> reads, HookSite[] writes)
    {
        for (var layer = 0; layer < writes.Length; layer++)
        {
            var (skip, read) = (coders.Skip(layer), (Tensor?)null);
            if (skip is not null)
                plan = plan.Edit(reads[layer], (value, _) =>
                {
                    read = value.alias().DetachFromDisposeScope();
                    return value;
                });
            plan = plan.Edit(writes[layer], (value, site) =>
            {
                if (skip is null) return value.detach();
                using var held = read ?? throw new PrismaException($"Nothing was read before {site}, so its skip connection has no input.");
                read = null;
                var passed = held.matmul(skip.t());
                return value.detach() + passed - passed.detach();
            });
        }
        return plan;
    }

    // What norms divide by is the one kind of value with a single element in its last axis.
    internal static HookPlan Frozen(HookedModel model, string part)
    {
        bool Constant(HookPoint point) => !point.OnDemand && point.Site.Path.Part == part && (point.Kind == Site.Pattern || point.Kind.Axes[^1] == Axis.One);
        return model.Points.Any(Constant) ? HookPlan.Empty.Edit(Constant, (value, _) => value.detach()) : HookPlan.Empty;
    }
}
