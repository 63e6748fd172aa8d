using Prisma.Core;

namespace Prisma.Vision;

/// <summary>Where Hugging Face's checkpoints of plain vision transformers keep their weights: what several families share.</summary>
internal static class VitWeights
{
    private const string Attention = "attention.attention.";

    /// <summary>What stands before every name: the family's own prefix where the model carries a head, nothing where it is bare.</summary>
    internal static string Prefix(TensorSource source, string prefix) =>
        source.Names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)) ? prefix : "";

    /// <summary>Patches and positions; the tokens before the patches are the family's.</summary>
    internal static WeightMap HuggingFaceEmbeddings(this WeightMap map) => map
        .Copy("pos_embed", "embeddings.position_embeddings")
        .Pair("patch", "embeddings.patch_embeddings.projection")
        .Ignore("embeddings.mask_token", "only masked pre-training reads it");

    /// <summary>The blocks as ViT has them: <c>encoder.layer.{i}.…</c> with separate q, k and v.</summary>
    internal static WeightMap HuggingFaceEncoder(this WeightMap map, VitStackConfig config) =>
        map.PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block => block
            .Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after").HuggingFaceAttention(config)
            .Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense"));

    /// <summary>An attention module as ViT and DINOv2 have it.</summary>
    internal static WeightMap HuggingFaceAttention(this WeightMap block, VitStackConfig config)
    {
        block.Stack("attn.qkv.weight", Attention + "query.weight", Attention + "key.weight", Attention + "value.weight").Pair("attn.out", "attention.output.dense");
        if (config.QkvBias) block.Stack("attn.qkv.bias", Attention + "query.bias", Attention + "key.bias", Attention + "value.bias");
        return block;
    }

    /// <summary>A norm's weights: a bias only where it centres.</summary>
    internal static WeightMap Norm(this WeightMap map, string to, string from, bool rootMeanSquare) =>
        rootMeanSquare ? map.Copy(to + ".weight", from + ".weight") : map.Pair(to, from);
}
