using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Direct logit attribution (Elhage et al. 2021): what every part of a model adds to a logit straight, without passing later parts. The
/// final norm's scale is the run's own, so the parts of a full split sum to the logit.
/// </summary>
public static class DirectAttribution
{
    /// <summary>What the embeddings, the attention and the MLP of every block and the biases add: sums to the logit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch. Borrowed.</param>
    /// <param name="output">The class.</param>
    /// <param name="minus">A class whose logit is subtracted.</param>
    /// <exception cref="NotApplicableException">The model does not end in a linear head on its residual stream.</exception>
    public static DirectParts Layers(HookedModel model, ModelInput input, int output, int? minus = null) =>
        Run(model, input, output, minus, [Site.AttnOut, Site.MlpOut], (direction, cache, layers, part, parts) =>
        {
            for (var layer = 0; layer < layers; layer++)
            {
                parts.Add($"{layer}_attn_out", direction.Of(cache[Site.AttnOut[layer].In(part)]));
                if (cache.Contains(Site.MlpOut[layer].In(part))) parts.Add($"{layer}_mlp_out", direction.Of(cache[Site.MlpOut[layer].In(part)]));
            }
        });

    /// <summary>
    /// What every head and MLP, the embeddings and all biases add: sums to the logit. Layer scale is a factor; a norm over all heads keeps the run's scale.
    /// </summary>
    /// <inheritdoc cref="Layers" path="/param"/>
    /// <exception cref="NotApplicableException">Blocks normalise what their heads write.</exception>
    public static DirectParts Heads(HookedModel model, ModelInput input, int output, int? minus = null) =>
        Run(model, input, output, minus, [Site.Z, Site.MlpOut, .. HeadWriting.Kinds], (direction, cache, layers, part, parts) =>
        {
            foreach (var (layer, attention) in model.InBlocks<Attention>(part))
            {
                var reads = new HeadWriting(model, attention, cache, layer, part).Back(direction.PerExample, direction.Token);
                var read = cache[Site.Z[layer].In(part)];
                var heads = direction.Token is { } token ? (read.select(1, token) * reads).sum(-1L) : (read * reads).sum(-1L).sum(1L);
                for (var head = 0; head < heads.shape[1]; head++) parts.Add($"L{layer}H{head}", heads.select(1, head));
                parts.Add($"{layer}_attn_bias", direction.Of(cache[Site.AttnOut[layer].In(part)]) - heads.sum(1L));
                if (cache.Contains(Site.MlpOut[layer].In(part))) parts.Add($"{layer}_mlp_out", direction.Of(cache[Site.MlpOut[layer].In(part)]));
            }
        });

    /// <summary>What every neuron of a block's MLP adds: [B, f] as parts <c>L3N17</c>, the MLP's bias beside.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch. Borrowed.</param>
    /// <param name="layer">The block.</param>
    /// <param name="output">The class.</param>
    /// <param name="minus">A class whose logit is subtracted.</param>
    public static DirectParts Neurons(HookedModel model, ModelInput input, int layer, int output, int? minus = null) =>
        Run(model, input, output, minus, [Site.MlpPost, Site.MlpOut, Site.MlpModuleOut], (direction, cache, layers, part, parts) =>
        {
            if (layer < 0 || layer >= layers) throw new OptionsException($"There is no block {layer}; {model.Card.Name} has {layers} (0 to {layers - 1}).");
            var written = cache[Site.MlpOut[layer].In(part)];
            if (!written.Equals(cache[Site.MlpModuleOut[layer].In(part)]))
                throw new NotApplicableException($"Neurons cannot be told apart: block {layer} of {model.Card.Name} scales or normalises what its MLP writes.");
            var mlp = model.InBlocks<FeedForward>(part).Single(block => block.Layer == layer).Module;
            // ⟨W_out[n], w⟩ for each example, then times the neuron's value.
            var reads = direction.PerExample.matmul(mlp.Out.Matrix.Value);
            var post = cache[Site.MlpPost[layer].In(part)];
            var each = direction.Token is { } token ? post.select(1, token) * reads : (post * reads).sum(1L);
            for (var n = 0; n < each.shape[1]; n++) parts.Add($"L{layer}N{n}", each.select(1, n));
            parts.Add($"{layer}_mlp_bias", direction.Of(written) - each.sum(1L));
        }, complete: false);

    /// <summary>
    /// What each source token adds to the logit by being attended to: [layers, H, B, P]; with MLPs, embeddings and biases it sums to the
    /// logit. The caller (or its scope) disposes it.
    /// </summary>
    /// <inheritdoc cref="Layers" path="/param"/>
    public static Tensor Sources(HookedModel model, ModelInput input, int output, int? minus = null)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (readout, blocks) = Blocks(model);
        var part = readout.ReadoutPart;
        using var recording = Record(model, input, readout, [Site.Pattern, Site.V, .. HeadWriting.Kinds]);
        using var direction = LogitDirection.Of(model, recording, input, output, minus);
        var layers = blocks.Select(block =>
        {
            var (pattern, values) = (recording.Cache[Site.Pattern[block.Layer].In(part)], recording.Cache[Site.V[block.Layer].In(part)]);
            var heads = block.Module.Heads;
            if (values.shape[2] != heads) values = values.repeat_interleave(heads / values.shape[2], 2);
            // What z of a head is read with, [B, (T,) H, k].
            var reads = new HeadWriting(model, block.Module, recording.Cache, block.Layer, part).Back(direction.PerExample, direction.Token);
            return direction.Token is { } token
                ? einsum("bhs,bshk,bhk->hbs", pattern.select(2, token), values, reads)
                : einsum("bhts,bshk,bthk->hbs", pattern, values, reads);
        });
        return stack(layers).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// What every feature of a coder of the stream adds straight to the logit, f·⟨direction, w⟩ summed over the tokens that are read: [B, F].
    /// The caller (or its scope) disposes it.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch. Borrowed.</param>
    /// <param name="coder">A coder that writes into the stream or its parts. Borrowed.</param>
    /// <param name="output">The class.</param>
    /// <param name="minus">A class whose logit is subtracted.</param>
    /// <param name="splice">Place and name checks.</param>
    public static Tensor Features(HookedModel model, ModelInput input, ISparseCoder coder, int output, int? minus = null, SpliceOptions? splice = null)
    {
        ArgumentNullException.ThrowIfNull(coder);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (readout, _) = Blocks(model);
        var placement = CoderPlacement.Of(coder, model, input, splice);
        using var recording = model.Run(input, LogitDirection.Ask(readout).Keep(placement.Reads));
        using var direction = LogitDirection.Of(model, recording, input, output, minus);
        var value = placement.Own(recording.Cache[placement.Reads]);
        using var codes = coder.Encode(value);
        var strengths = codes.ToDense().view(value.shape[0], -1, coder.Card.Features);
        var reads = direction.PerExample.matmul(coder.Directions.t());
        if (direction.Token is { } token)
        {
            var own = token - (placement.Tokens?.Start ?? 0);
            if (own < 0 || own >= strengths.shape[1])
                throw new NotApplicableException($"{coder.Card.Name} has no features at token {token}, which the head reads: they reach the logit only through later blocks.");
            return (strengths.select(1, own) * reads).MoveToOuterDisposeScope();
        }
        return (strengths * placement.Own(reads)).sum(1L).MoveToOuterDisposeScope();
    }

    private static DirectParts Run(HookedModel model, ModelInput input, int output, int? minus, SiteKind[] kinds,
        Action<LogitDirection, ActivationCache, int, string, DirectParts.Builder> add, bool complete = true)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (readout, blocks) = Blocks(model);
        using var recording = Record(model, input, readout, kinds);
        using var direction = LogitDirection.Of(model, recording, input, output, minus);
        var parts = new DirectParts.Builder();
        if (complete) parts.Add("embeddings", direction.Of(recording.Cache[Site.ResidPre[0].In(readout.ReadoutPart)]));
        add(direction, recording.Cache, blocks.Count, readout.ReadoutPart, parts);
        if (complete) parts.Add("biases", direction.Constant);
        return parts.Build(direction);
    }

    private static Recording Record(HookedModel model, ModelInput input, ILogitReadout readout, SiteKind[] kinds) => model.Run(input, LogitDirection.Ask(readout)
        .Keep(Site.ResidPre[0].In(readout.ReadoutPart)).Keep(point => point.Site.Path.Part == readout.ReadoutPart && kinds.Contains(point.Kind)));

    private static (ILogitReadout Readout, IReadOnlyList<(int Layer, Attention Module)> Blocks) Blocks(HookedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var readout = LogitDirection.Readout(model);
        return (readout, model.InBlocks<Attention>(readout.ReadoutPart));
    }
}
