using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Which layers' contributions are told apart.</summary>
public enum ResidualSplit
{
    /// <summary>Attention and MLP of each block.</summary>
    AttentionAndMlp,
    /// <summary>Attention only; the MLPs are left out.</summary>
    AttentionOnly,
    /// <summary>MLPs only; attention is left out.</summary>
    MlpOnly,
}

/// <summary>
/// The algebra of a pre-norm residual stream over kept values (Elhage et al. 2021; the labels are TransformerLens'): the stream at a
/// block is the sum of the embeddings and of everything earlier blocks added, so it splits into layers and heads, and what each adds to
/// a logit can be read off with the final norm's scale frozen. Reads a cache, runs nothing; each method names the places it needs.
/// </summary>
/// <param name="cache">Borrowed.</param>
/// <param name="part">The part of the model; empty where one stack was kept.</param>
public sealed class ResidualStream(ActivationCache cache, string part = "")
{
    /// <summary>The number of blocks of which something was kept.</summary>
    public int Blocks => cache.Sites.Where(site => site.Path.Layer >= 0 && (part.Length == 0 || site.Path.Part == part))
        .Select(site => site.Path.Layer + 1).DefaultIfEmpty(0).Max();

    /// <summary>The stream before each block up to (excluding) <paramref name="layer"/>, then at that block, or after the last one.</summary>
    /// <param name="layer">Where to stop; null: after the last block.</param>
    /// <param name="includeMid">Also the stream between attention and MLP.</param>
    /// <remarks>Needs <see cref="Site.ResidPre"/>, the last <see cref="Site.ResidPost"/>, and <see cref="Site.ResidMid"/> where asked.</remarks>
    public ResidualParts Accumulated(int? layer = null, bool includeMid = false)
    {
        using var scope = NewDisposeScope();
        var end = Until(layer);
        var (values, labels) = (new List<Tensor>(), new List<string>());
        for (var l = 0; l < end; l++)
        {
            values.Add(At(Site.ResidPre, l));
            labels.Add($"{l}_pre");
            if (!includeMid) continue;
            values.Add(At(Site.ResidMid, l));
            labels.Add($"{l}_mid");
        }
        values.Add(At(end));
        labels.Add(end == Blocks ? "final_post" : $"{end}_pre");
        return new ResidualParts(stack(values), labels);
    }

    /// <summary>What the embeddings and each layer below <paramref name="layer"/> added. Both kinds together sum to the stream there.</summary>
    /// <remarks>
    /// Needs <see cref="Site.AttnOut"/>, <see cref="Site.MlpOut"/> and the stream before the first block (<see cref="Site.LnPre"/>,
    /// <see cref="Site.FullEmbed"/> or <see cref="Site.ResidPre"/>[0]): with a norm before the blocks the embeddings themselves are no part of it.
    /// </remarks>
    /// <param name="layer">Where to stop; null: after the last block.</param>
    /// <param name="split">Which layers are told apart.</param>
    /// <param name="splitEmbeddings">
    /// Token and position embeddings as parts of their own, for models that add them and nothing else: needs <see cref="Site.Embed"/> and,
    /// where the model has it, <see cref="Site.PosEmbed"/>.
    /// </param>
    public ResidualParts Decomposed(int? layer = null, ResidualSplit split = ResidualSplit.AttentionAndMlp, bool splitEmbeddings = false)
    {
        using var scope = NewDisposeScope();
        var (values, labels) = splitEmbeddings ? Embeddings() : Base();
        for (var l = 0; l < Until(layer); l++)
        {
            if (split != ResidualSplit.MlpOnly)
            {
                values.Add(At(Site.AttnOut, l));
                labels.Add($"{l}_attn_out");
            }
            if (split == ResidualSplit.AttentionOnly) continue;
            values.Add(At(Site.MlpOut, l));
            labels.Add($"{l}_mlp_out");
        }
        return new ResidualParts(stack(values), labels);
    }

    /// <summary>What each head below <paramref name="layer"/> wrote, as <c>L3H0</c>, and where asked the rest of the stream as <c>remainder</c>.</summary>
    /// <remarks>
    /// Needs <see cref="Site.Result"/>. Heads come before layer scale and without the output bias: in models with layer scale their sum
    /// is not what reached the stream, and the remainder says by how much.
    /// </remarks>
    public ResidualParts Heads(int? layer = null, bool includeRemainder = false)
    {
        using var scope = NewDisposeScope();
        var end = Until(layer);
        var (values, labels) = (new List<Tensor>(), new List<string>());
        for (var l = 0; l < end; l++)
        {
            var heads = At(Site.Result, l).unbind(-2);
            values.AddRange(heads);
            labels.AddRange(heads.Select((_, h) => $"L{l}H{h}"));
        }
        if (includeRemainder)
        {
            var sum = values.Count > 0 ? stack(values).sum(0L) : At(end).zeros_like();
            values.Add(At(end) - sum);
            labels.Add("remainder");
        }
        if (values.Count == 0) throw new OptionsException("There are no heads before block 0.");
        return new ResidualParts(stack(values), labels);
    }

    /// <summary>
    /// What each part becomes in the final norm of the run that was recorded: its own mean taken off, divided by the run's scale, times
    /// the gain. Linear in the parts; the norm's bias is added once, as the part <c>ln_bias</c>.
    /// </summary>
    /// <param name="parts">[parts, ..., d]; borrowed.</param>
    /// <param name="norm">The final norm.</param>
    /// <remarks>Needs <see cref="Site.FinalScale"/>, with the positions of the parts.</remarks>
    public ResidualParts ThroughFinalNorm(ResidualParts parts, Norm norm)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(norm);
        using var scope = NewDisposeScope();
        var scale = cache[Site.FinalScale.Only.In(part)];
        var normed = norm.WithScale(parts.Values, scale);
        var bias = (norm.Bias ?? norm.Gain.zeros_like()).expand(normed.shape[1..]).unsqueeze(0);
        return new ResidualParts(cat([normed, bias], 0), [.. parts.Labels, "ln_bias"]);
    }

    /// <summary>
    /// What each part adds directly to a logit (or a difference of two) of the recorded run: [parts + 2, ...] without d. With the
    /// parts of <see cref="Decomposed"/> the sum is the logit: the last two are the norm's bias and the head's.
    /// </summary>
    /// <param name="parts">[parts, ..., d]; borrowed.</param>
    /// <param name="readout">The model's norm and head.</param>
    /// <param name="output">The class.</param>
    /// <param name="minus">A class whose logit is subtracted.</param>
    public ResidualParts LogitContributions(ResidualParts parts, ILogitReadout readout, int output, int? minus = null)
    {
        ArgumentNullException.ThrowIfNull(readout);
        using var scope = NewDisposeScope();
        var head = readout.Readout ?? throw new PrismaException("This model ends without a linear head: it has no logits to attribute.");
        using var normed = ThroughFinalNorm(parts, readout.FinalNorm);
        var attributed = normed.Values.matmul(Difference(head.Matrix.Value, output, minus));
        var bias = head.Bias is { } b
            ? Difference(b.Value.unsqueeze(-1), output, minus).expand(attributed.shape[1..])
            : attributed.select(0, 0).zeros_like();
        return new ResidualParts(cat([attributed, bias.unsqueeze(0)], 0), [.. normed.Labels, "head_bias"]);
    }

    private static Tensor Difference(Tensor rows, int plus, int? minus)
    {
        var classes = rows.shape[0];
        foreach (var index in new[] { plus, minus ?? plus })
            if (index < 0 || index >= classes) throw new OptionsException($"There is no class {index}; the head has {classes} (0 to {classes - 1}).");
        return minus is { } other ? rows[plus] - rows[other] : rows[plus];
    }

    private int Until(int? layer) => layer is not { } end ? Blocks
        : end >= 0 && end <= Blocks ? end
        : throw new OptionsException($"There is no block {end}; 0 to {Blocks} can be asked for, {Blocks} standing for the end.");

    private Tensor At(SiteKind kind, int layer) => cache[kind[layer].In(part)];

    private (List<Tensor> Values, List<string> Labels) Embeddings()
    {
        var embedded = cache[Site.Embed.Only.In(part)];
        var position = Site.PosEmbed.Only.In(part);
        return cache.Contains(position) ? ([embedded, cache[position].expand(embedded.shape)], ["embed", "pos_embed"]) : ([embedded], ["embed"]);
    }

    // The stream entering a block, or leaving the last one.
    private Tensor At(int layer) => layer < Blocks ? At(Site.ResidPre, layer) : At(Site.ResidPost, layer - 1);

    private (List<Tensor> Values, List<string> Labels) Base()
    {
        foreach (var (site, label) in new[] { (Site.LnPre.Only, "ln_pre"), (Site.FullEmbed.Only, "full_embed"), (Site.ResidPre[0], "0_pre") })
            if (cache.Contains(site.In(part))) return ([cache[site.In(part)]], [label]);
        throw new SiteNotFoundException($"Nothing was kept of the stream before the first block: keep {Site.LnPre.Name}, {Site.FullEmbed.Name} or {Site.ResidPre[0]}.");
    }
}
