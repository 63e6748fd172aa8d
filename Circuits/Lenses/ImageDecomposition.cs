using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// A picture's embedding as a sum of what every head, every MLP and the input wrote (Gandelsman, Efros and Steinhardt 2024), each in the
/// joint space of pictures and texts and divided by the embedding's norm. Owns its tensors; dispose it.
/// </summary>
public sealed class ImageDecomposition : IDisposable
{
    private ImageDecomposition(Tensor heads, Tensor mlps, Tensor input, Tensor constant)
    {
        foreach (var tensor in new[] { heads, mlps, input, constant }) tensor.DetachFromDisposeScope();
        (Heads, Mlps, Input, Constant) = (heads, mlps, input, constant);
    }

    /// <summary>[B, L, H, e], or [B, L, H, P, e] where tokens are told apart. Borrowed.</summary>
    public Tensor Heads { get; }

    /// <summary>[B, L, e]. Borrowed.</summary>
    public Tensor Mlps { get; }

    /// <summary>The stream before the first block, [B, e]. Borrowed.</summary>
    public Tensor Input { get; }

    /// <summary>All biases together, [B, e]: attention's output biases, the final norm's, the head's. Borrowed.</summary>
    public Tensor Constant { get; }

    /// <summary>Decomposes a batch.</summary>
    /// <param name="model">A model that ends in a final norm and a linear map read at one token.</param>
    /// <param name="input">The batch. Borrowed.</param>
    /// <param name="perToken">Tell apart which tokens each head read from: for heatmaps.</param>
    /// <exception cref="NotApplicableException">The model has no such end, or its blocks scale what heads write.</exception>
    public static ImageDecomposition Of(HookedModel model, ModelInput input, bool perToken = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var readout = LogitDirection.Readout(model);
        if (readout.ReadToken is not { } token) throw new NotApplicableException($"The decomposition does not apply: {model.Card.Name} reads no single token.");
        var part = readout.ReadoutPart;
        var blocks = model.InBlocks<Attention>(part);
        SiteKind[] kinds = [Site.Pattern, Site.V, Site.AttnOut, Site.AttnModuleOut, Site.MlpOut, Site.FinalScale];
        using var recording = model.Run(input, HookPlan.Empty.Keep(Site.ResidPre[0].In(part), Site.ResidPost[blocks.Count - 1].In(part))
            .Keep(point => point.Site.Path.Part == part && kinds.Contains(point.Kind)));
        Tensor At(SiteKind kind, int layer) => recording.Cache[kind[layer].In(part)];
        var embedding = readout.Unembed(At(Site.ResidPost, blocks.Count - 1).select(1, token));
        var norms = embedding.norm(-1, keepdim: true);
        var scale = recording.Cache[Site.FinalScale.Only.In(part)];
        scale = scale.select(1, Math.Min(token, scale.shape[1] - 1));
        // Components [B, …, d] into the joint space, the norm's scale held.
        Tensor Joint(Tensor component)
        {
            var (s, n) = (scale, norms);
            while (s.ndim < component.ndim) (s, n) = (s.unsqueeze(1), n.unsqueeze(1));
            return readout.FinalNorm.WithScale(component, s).matmul(readout.Readout!.Matrix.Value.t()) / n;
        }
        var (heads, mlps, biases) = (new List<Tensor>(), new List<Tensor>(), zeros_like(embedding));
        foreach (var (layer, attention) in blocks)
        {
            if (!At(Site.AttnOut, layer).Equals(At(Site.AttnModuleOut, layer)))
                throw new NotApplicableException($"The decomposition does not apply: block {layer} of {model.Card.Name} scales or normalises what its heads write.");
            HeadCircuits.CheckLinear(attention);
            var (pattern, values) = (At(Site.Pattern, layer).select(2, token), At(Site.V, layer));
            if (values.shape[2] != attention.Heads) values = values.repeat_interleave(attention.Heads / values.shape[2], 2);
            var written = perToken
                ? einsum("bhs,bshk,hkd->bhsd", pattern, values, attention.OutputPerHead)
                : einsum("bhs,bshk,hkd->bhd", pattern, values, attention.OutputPerHead);
            heads.Add(Joint(written));
            mlps.Add(recording.Cache.Contains(Site.MlpOut[layer].In(part)) ? Joint(At(Site.MlpOut, layer).select(1, token)) : zeros_like(embedding));
            if (attention.Out.Bias is { } bias) biases += Joint(bias.Value.unsqueeze(0).expand(embedding.shape[0], attention.Width));
        }
        var norm = readout.FinalNorm.Bias is { } beta ? beta.unsqueeze(0).matmul(readout.Readout!.Matrix.Value.t()) : zeros_like(embedding);
        if (readout.Readout!.Bias is { } last) norm += last.Value;
        return new ImageDecomposition(stack(heads, 1), stack(mlps, 1), Joint(At(Site.ResidPre, 0).select(1, token)), biases + norm / norms);
    }

    /// <summary>All parts together: the normalised embedding, [B, e]. The caller (or its scope) disposes it.</summary>
    public Tensor Sum()
    {
        using var scope = NewDisposeScope();
        var heads = Heads.flatten(1, Heads.ndim - 2).sum(1L);
        return (heads + Mlps.sum(1L) + Input + Constant).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in new[] { Heads, Mlps, Input, Constant }) tensor.Dispose();
    }
}
