using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Phi 3 and 4 (mini) in the Hugging Face layout: Phi3ForCausalLM, Phi3Model (Abdin et al. 2024). Llama's blocks with fused projections, a
/// window where the file has one, and positions stretched by LongRoPE in the long versions.
/// </summary>
public sealed class Phi3Family : LlamaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "phi3";

    /// <inheritdoc/>
    protected override int ReadRotaryWidth(ConfigReader json, int headWidth)
    {
        var share = json.Double("partial_rotary_factor", 1);
        json.Require(share is > 0 and <= 1, $"'partial_rotary_factor' {share} is no share of a head");
        return (int)(headWidth * share);
    }

    /// <inheritdoc/>
    protected override RopeSettings ReadRope(ConfigReader json, int context, int turned) => RopeSettings.Read(
        json, context, original: json.Has("original_max_position_embeddings") ? json.Int("original_max_position_embeddings") : null, width: turned);

    /// <inheritdoc/>
    protected override LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config)
    {
        json.Ignore("resid_pdrop", "embd_pdrop");
        json.Require(!json.IsSwitchedOn("attention_bias"), "'attention_bias' is not built for Phi 3");
        int? window = json.Has("sliding_window") ? json.Int("sliding_window") : null;
        return config with
        {
            Windows = Listed(json, config.Layers, window) ?? [.. Enumerable.Repeat(window, config.Layers)],
            Eps = json.Double("rms_norm_eps", 1e-5),
            Head = json.ReadHead(folder, "Phi3Model", "Phi3ForCausalLM", tied: false),
        };
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(LlamaLikeConfig config, TensorSource source) => DecoderWeights.Llama(source, config.Layers, config.Head, block => block
        .Copy("ln1.weight", "input_layernorm.weight").Copy("ln2.weight", "post_attention_layernorm.weight")
        .Copy("attn.qkv.weight", "self_attn.qkv_proj.weight").Copy("attn.out.weight", "self_attn.o_proj.weight")
        .Copy("mlp.in.weight", "mlp.gate_up_proj.weight").Copy("mlp.out.weight", "mlp.down_proj.weight"));
}
