using System.Reflection;
using System.Text.RegularExpressions;
using static Prisma.Core.Axis;

namespace Prisma.Core;

/// <summary>
/// Every kind of place that a model can have: the only list of names in the product. The names are those of TransformerLens and
/// ViT-Prisma, because published SAEs refer to them. B batch, P tokens, N patches, H heads, d d_model, k d_head, f d_mlp.
/// </summary>
public static partial class Site
{
    /// <summary>Patch (or token) embeddings before the class token and positions join them: [B, N, d].</summary>
    public static readonly SiteKind Embed = new("hook_embed", Batch, Axis.Patch, Model);

    /// <summary>Position embeddings: [1 or B, P, d].</summary>
    public static readonly SiteKind PosEmbed = new("hook_pos_embed", Batch, Token, Model);

    /// <summary>Class token, patches and positions together: [B, P, d].</summary>
    public static readonly SiteKind FullEmbed = new("hook_full_embed", Batch, Token, Model);

    /// <summary>Scale of the norm before the blocks: [B, P, 1].</summary>
    public static readonly SiteKind PreScale = new("ln_pre.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm before the blocks: [B, P, d].</summary>
    public static readonly SiteKind PreNormalized = new("ln_pre.hook_normalized", Batch, Token, Model);

    /// <summary>The stream after the norm before the blocks: [B, P, d].</summary>
    public static readonly SiteKind LnPre = new("hook_ln_pre", Batch, Token, Model);

    /// <summary>The residual stream entering a block: [B, P, d].</summary>
    public static readonly SiteKind ResidPre = new("hook_resid_pre", Batch, Token, Model);

    /// <summary>The stream as each head's input, before it is split into q, k and v: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind AttnIn = new("hook_attn_in", Batch, Token, Head, Model);

    /// <summary>The stream as each head's query input: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind QInput = new("hook_q_input", Batch, Token, Head, Model);

    /// <summary>The stream as each head's key input: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind KInput = new("hook_k_input", Batch, Token, Head, Model);

    /// <summary>The stream as each head's value input: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind VInput = new("hook_v_input", Batch, Token, Head, Model);

    /// <summary>Scale of the norm before attention: [B, P, 1].</summary>
    public static readonly SiteKind Ln1Scale = new("ln1.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm before attention: [B, P, d]; a layer norm's with gain and bias, a root-mean-square norm's before its gain.</summary>
    public static readonly SiteKind Ln1Normalized = new("ln1.hook_normalized", Batch, Token, Model);

    /// <summary>Norm of the query inputs where they are split: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind Ln1QNormalized = new("ln1_q.hook_normalized", Batch, Token, Head, Model);

    /// <summary>Norm of the key inputs where they are split: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind Ln1KNormalized = new("ln1_k.hook_normalized", Batch, Token, Head, Model);

    /// <summary>Norm of the value inputs where they are split: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind Ln1VNormalized = new("ln1_v.hook_normalized", Batch, Token, Head, Model);

    /// <summary>Scale of the norm of the query inputs: [B, P, H, 1]; switched on by asking.</summary>
    public static readonly SiteKind Ln1QScale = new("ln1_q.hook_scale", Batch, Token, Head, One);

    /// <summary>Scale of the norm of the key inputs: [B, P, H, 1]; switched on by asking.</summary>
    public static readonly SiteKind Ln1KScale = new("ln1_k.hook_scale", Batch, Token, Head, One);

    /// <summary>Scale of the norm of the value inputs: [B, P, H, 1]; switched on by asking.</summary>
    public static readonly SiteKind Ln1VScale = new("ln1_v.hook_scale", Batch, Token, Head, One);

    /// <summary>What the attention module reads: [B, P, d].</summary>
    public static readonly SiteKind AttnModuleIn = new("attn.hook_in", Batch, Token, Model);

    /// <summary>Queries: [B, P, H, k].</summary>
    public static readonly SiteKind Q = new("attn.hook_q", Batch, Token, Head, HeadWidth);

    /// <summary>Keys: [B, P, H, k].</summary>
    public static readonly SiteKind K = new("attn.hook_k", Batch, Token, Head, HeadWidth);

    /// <summary>Values: [B, P, H, k].</summary>
    public static readonly SiteKind V = new("attn.hook_v", Batch, Token, Head, HeadWidth);

    /// <summary>Scale of the norm of each query: [B, P, H, 1].</summary>
    public static readonly SiteKind QNormScale = new("attn.q_norm.hook_scale", Batch, Token, Head, One);

    /// <summary>Output of the norm of each query: [B, P, H, k].</summary>
    public static readonly SiteKind QNormNormalized = new("attn.q_norm.hook_normalized", Batch, Token, Head, HeadWidth);

    /// <summary>Scale of the norm of each key: [B, P, H, 1].</summary>
    public static readonly SiteKind KNormScale = new("attn.k_norm.hook_scale", Batch, Token, Head, One);

    /// <summary>Output of the norm of each key: [B, P, H, k].</summary>
    public static readonly SiteKind KNormNormalized = new("attn.k_norm.hook_normalized", Batch, Token, Head, HeadWidth);

    /// <summary>Queries turned by their positions: [B, P, H, k].</summary>
    public static readonly SiteKind RotQ = new("attn.hook_rot_q", Batch, Token, Head, HeadWidth);

    /// <summary>Keys turned by their positions: [B, P, H, k].</summary>
    public static readonly SiteKind RotK = new("attn.hook_rot_k", Batch, Token, Head, HeadWidth);

    /// <summary>Attention scores, scaled and masked, before the softmax: [B, H, P, P].</summary>
    public static readonly SiteKind AttnScores = new("attn.hook_attn_scores", Batch, Head, Query, Key);

    /// <summary>Attention probabilities: [B, H, P, P]; rows sum to 1.</summary>
    public static readonly SiteKind Pattern = new("attn.hook_pattern", Batch, Head, Query, Key);

    /// <summary>What each head read: [B, P, H, k].</summary>
    public static readonly SiteKind Z = new("attn.hook_z", Batch, Token, Head, HeadWidth);

    /// <summary>Scale of the norm of what all heads read: [B, P, 1].</summary>
    public static readonly SiteKind AttnInnerScale = new("attn.ln.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm of what all heads read: [B, P, H·k].</summary>
    public static readonly SiteKind AttnInnerNormalized = new("attn.ln.hook_normalized", Batch, Token, Model);

    /// <summary>What each head writes, without the output bias: [B, P, H, d]; switched on by asking.</summary>
    public static readonly SiteKind Result = new("attn.hook_result", Batch, Token, Head, Model);

    /// <summary>The attention module's output, before layer scale or a post-norm: [B, P, d].</summary>
    public static readonly SiteKind AttnModuleOut = new("attn.hook_out", Batch, Token, Model);

    /// <summary>Scale of the norm before attention over time (divided attention): [B·N, T, 1], N places, T time steps.</summary>
    public static readonly SiteKind TemporalScale = new("temporal_ln.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm before attention over time: [B·N, T, d].</summary>
    public static readonly SiteKind TemporalNormalized = new("temporal_ln.hook_normalized", Batch, Token, Model);

    /// <summary>What attention over time reads: [B·N, T, d].</summary>
    public static readonly SiteKind TemporalModuleIn = new("temporal_attn.hook_in", Batch, Token, Model);

    /// <summary>Queries of attention over time: [B·N, T, H, k].</summary>
    public static readonly SiteKind TemporalQ = new("temporal_attn.hook_q", Batch, Token, Head, HeadWidth);

    /// <summary>Keys of attention over time: [B·N, T, H, k].</summary>
    public static readonly SiteKind TemporalK = new("temporal_attn.hook_k", Batch, Token, Head, HeadWidth);

    /// <summary>Values of attention over time: [B·N, T, H, k].</summary>
    public static readonly SiteKind TemporalV = new("temporal_attn.hook_v", Batch, Token, Head, HeadWidth);

    /// <summary>Scores of attention over time: [B·N, H, T, T].</summary>
    public static readonly SiteKind TemporalScores = new("temporal_attn.hook_attn_scores", Batch, Head, Query, Key);

    /// <summary>Probabilities of attention over time: [B·N, H, T, T]; rows sum to 1.</summary>
    public static readonly SiteKind TemporalPattern = new("temporal_attn.hook_pattern", Batch, Head, Query, Key);

    /// <summary>What each head of attention over time read: [B·N, T, H, k].</summary>
    public static readonly SiteKind TemporalZ = new("temporal_attn.hook_z", Batch, Token, Head, HeadWidth);

    /// <summary>What each head of attention over time writes, without the output bias: [B·N, T, H, d]; switched on by asking.</summary>
    public static readonly SiteKind TemporalResult = new("temporal_attn.hook_result", Batch, Token, Head, Model);

    /// <summary>The output of attention over time: [B·N, T, d].</summary>
    public static readonly SiteKind TemporalModuleOut = new("temporal_attn.hook_out", Batch, Token, Model);

    /// <summary>What attention over time adds to the stream of the patches, after its dense layer: [B, N·T, d], places first.</summary>
    public static readonly SiteKind TemporalOut = new("hook_temporal_out", Batch, Axis.Patch, Model);

    /// <summary>Scale of the norm after attention: [B, P, 1].</summary>
    public static readonly SiteKind Ln1PostScale = new("ln1_post.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm after attention: [B, P, d].</summary>
    public static readonly SiteKind Ln1PostNormalized = new("ln1_post.hook_normalized", Batch, Token, Model);

    /// <summary>What attention adds to the stream: [B, P, d].</summary>
    public static readonly SiteKind AttnOut = new("hook_attn_out", Batch, Token, Model);

    /// <summary>The stream between attention and MLP: [B, P, d].</summary>
    public static readonly SiteKind ResidMid = new("hook_resid_mid", Batch, Token, Model);

    /// <summary>The stream as the MLP branch reads it, before its norm: [B, P, d].</summary>
    public static readonly SiteKind MlpIn = new("hook_mlp_in", Batch, Token, Model);

    /// <summary>Scale of the norm before the MLP: [B, P, 1].</summary>
    public static readonly SiteKind Ln2Scale = new("ln2.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm before the MLP: [B, P, d]; a layer norm's with gain and bias, a root-mean-square norm's before its gain.</summary>
    public static readonly SiteKind Ln2Normalized = new("ln2.hook_normalized", Batch, Token, Model);

    /// <summary>What the MLP module reads: [B, P, d].</summary>
    public static readonly SiteKind MlpModuleIn = new("mlp.hook_in", Batch, Token, Model);

    /// <summary>Neurons before the activation: [B, P, f].</summary>
    public static readonly SiteKind MlpPre = new("mlp.hook_pre", Batch, Token, Neuron);

    /// <summary>The factor of a gated MLP beside the activated gate: [B, P, f].</summary>
    public static readonly SiteKind MlpPreLinear = new("mlp.hook_pre_linear", Batch, Token, Neuron);

    /// <summary>Neurons after the activation where a norm follows: [B, P, f].</summary>
    public static readonly SiteKind MlpMid = new("mlp.hook_mid", Batch, Token, Neuron);

    /// <summary>Scale of the norm of the neurons: [B, P, 1].</summary>
    public static readonly SiteKind MlpInnerScale = new("mlp.ln.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm of the neurons: [B, P, f].</summary>
    public static readonly SiteKind MlpInnerNormalized = new("mlp.ln.hook_normalized", Batch, Token, Neuron);

    /// <summary>Neurons as the output matrix reads them, after activation and norm: [B, P, f].</summary>
    public static readonly SiteKind MlpPost = new("mlp.hook_post", Batch, Token, Neuron);

    /// <summary>The MLP module's output, before layer scale or a post-norm: [B, P, d].</summary>
    public static readonly SiteKind MlpModuleOut = new("mlp.hook_out", Batch, Token, Model);

    /// <summary>Scale of the norm after the MLP: [B, P, 1].</summary>
    public static readonly SiteKind Ln2PostScale = new("ln2_post.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm after the MLP: [B, P, d].</summary>
    public static readonly SiteKind Ln2PostNormalized = new("ln2_post.hook_normalized", Batch, Token, Model);

    /// <summary>What the MLP adds to the stream: [B, P, d].</summary>
    public static readonly SiteKind MlpOut = new("hook_mlp_out", Batch, Token, Model);

    /// <summary>The residual stream leaving a block: [B, P, d].</summary>
    public static readonly SiteKind ResidPost = new("hook_resid_post", Batch, Token, Model);

    /// <summary>Scale of the final norm: [B, P, 1].</summary>
    public static readonly SiteKind FinalScale = new("ln_final.hook_scale", Batch, Token, One);

    /// <summary>Output of the final norm: [B, P, d].</summary>
    public static readonly SiteKind FinalNormalized = new("ln_final.hook_normalized", Batch, Token, Model);

    /// <summary>The stream after the final norm: [B, P, d].</summary>
    public static readonly SiteKind LnFinal = new("hook_ln_final", Batch, Token, Model);

    /// <summary>Scale of the norm of merged patches: [B, P, 1].</summary>
    public static readonly SiteKind MergeScale = new("ln.hook_scale", Batch, Token, One);

    /// <summary>Output of the norm of merged patches: [B, P, 4d].</summary>
    public static readonly SiteKind MergeNormalized = new("ln.hook_normalized", Batch, Token, Model);

    /// <summary>The query of attention pooling: [B, 1, H, k].</summary>
    public static readonly SiteKind PoolQ = new("hook_q", Batch, Token, Head, HeadWidth);

    /// <summary>The keys of attention pooling: [B, P, H, k].</summary>
    public static readonly SiteKind PoolK = new("hook_k", Batch, Token, Head, HeadWidth);

    /// <summary>The values of attention pooling: [B, P, H, k].</summary>
    public static readonly SiteKind PoolV = new("hook_v", Batch, Token, Head, HeadWidth);

    /// <summary>Scores of attention pooling before the softmax: [B, H, 1, P].</summary>
    public static readonly SiteKind PoolScores = new("hook_attn_scores", Batch, Head, Query, Key);

    /// <summary>Probabilities of attention pooling: [B, H, 1, P].</summary>
    public static readonly SiteKind PoolPattern = new("hook_pattern", Batch, Head, Query, Key);

    /// <summary>What each head of attention pooling read: [B, 1, H, k].</summary>
    public static readonly SiteKind PoolZ = new("hook_z", Batch, Token, Head, HeadWidth);

    /// <summary>What attention pooling returns: [B, 1, d].</summary>
    public static readonly SiteKind PoolOut = new("hook_out", Batch, Token, Model);

    /// <summary>Logits, or the joint embedding before it is normalised: [B, C].</summary>
    public static readonly SiteKind PostHead = new("hook_post_head_pre_normalize", Batch, Axis.Output);

    private static readonly Dictionary<string, SiteKind> s_kinds = typeof(Site)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => field.GetValue(null))
        .OfType<SiteKind>()
        .ToDictionary(kind => kind.Name, StringComparer.Ordinal);

    /// <summary>All kinds, in no order.</summary>
    public static IReadOnlyCollection<SiteKind> Kinds => s_kinds.Values;

    /// <summary>Reads a name from a file or a command line. Borders only: inside the program places are values.</summary>
    /// <exception cref="SiteNotFoundException">The name is no known kind of place.</exception>
    public static HookSite Parse(string text)
    {
        var match = Name().Match(text);
        var (part, layer, kind) = (match.Groups["part"].Value, match.Groups["layer"], match.Groups["kind"].Value);
        if (layer.Success && s_kinds.TryGetValue(kind, out var inBlock) && int.TryParse(layer.ValueSpan, out var number))
            return new HookSite(inBlock, new SitePath(part, number));
        if (!layer.Success && Outside(text) is { } outside) return outside;
        var nearest = NearestNames.Of(kind.Length > 0 ? kind : text, s_kinds.Keys);
        throw new SiteNotFoundException(
            $"'{text}' is no place in any model. Names look like blocks.3.{Pattern.Name} or vision.blocks.0.{ResidPost.Name}; nearest kinds: {string.Join(", ", nearest)}.");
    }

    // Longest kind first: "ln_pre.hook_scale" must not be read as part "ln_pre".
    private static HookSite? Outside(string text)
    {
        var kind = s_kinds.Values.Where(known => text == known.Name || text.EndsWith("." + known.Name, StringComparison.Ordinal))
            .MaxBy(known => known.Name.Length);
        return kind is null ? null : new HookSite(kind, new SitePath(text.Length == kind.Name.Length ? "" : text[..^(kind.Name.Length + 1)], SitePath.NoLayer));
    }

    [GeneratedRegex(@"^(?:(?<part>[\w.]*?)\.)?blocks\.(?<layer>\d+)\.(?<kind>.+)$|^(?<kind>.*)$")]
    private static partial Regex Name();
}
