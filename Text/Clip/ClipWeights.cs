using Prisma.Core;

namespace Prisma.Text;

/// <summary>Where Hugging Face's and open_clip's checkpoints keep the weights of CLIP's towers: what several families share.</summary>
public static class ClipWeights
{
    /// <summary>What stands before a name that ends so, such as <c>text_model.</c>; the fallback where there is none or several.</summary>
    public static string Prefix(TensorSource source, string ending, string fallback)
    {
        var found = source.Names.Where(name => name.EndsWith(ending, StringComparison.Ordinal)).ToList();
        return found.Count == 1 ? found[0][..^ending.Length] : fallback;
    }

    /// <summary>The blocks in Hugging Face's layout: <c>encoder.layers.{i}.…</c>, as CLIP and SigLIP have them.</summary>
    public static WeightMap HuggingFaceBlocks(this WeightMap map, int layers) =>
        map.PerBlock(layers, "blocks.{i}.", "encoder.layers.{i}.", block => block
            .Pair("ln1", "layer_norm1").Pair("ln2", "layer_norm2")
            .Stack("attn.qkv.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight")
            .Stack("attn.qkv.bias", "self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias")
            .Pair("attn.out", "self_attn.out_proj").Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2"));

    /// <summary>The blocks in open_clip's and OpenAI's layout: <c>transformer.resblocks.{i}.…</c> with packed q, k and v.</summary>
    public static WeightMap OpenClipBlocks(this WeightMap map, int layers, bool layerScale) =>
        map.PerBlock(layers, "blocks.{i}.", "transformer.resblocks.{i}.", block =>
        {
            block.Pair("ln1", "ln_1").Pair("ln2", "ln_2")
                .Copy("attn.qkv.weight", "attn.in_proj_weight").Copy("attn.qkv.bias", "attn.in_proj_bias")
                .Pair("attn.out", "attn.out_proj").Pair("mlp.in", "mlp.c_fc").Pair("mlp.out", "mlp.c_proj");
            if (layerScale) block.Copy("ls1", "ls_1.gamma").Copy("ls2", "ls_2.gamma");
        });

    /// <summary>The text tower in Hugging Face's layout, without its projection.</summary>
    public static WeightMap HuggingFaceText(this WeightMap map, int layers) => map
        .Copy("token_embed", "embeddings.token_embedding.weight")
        .Copy("pos_embed", "embeddings.position_embedding.weight")
        .Ignore("embeddings.position_ids", "0, 1, 2, …")
        .HuggingFaceBlocks(layers)
        .Pair("ln_final", "final_layer_norm");
}
