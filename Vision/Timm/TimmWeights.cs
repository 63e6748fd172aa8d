using Prisma.Core;

namespace Prisma.Vision;

/// <summary>Where timm's checkpoints keep a VisionTransformer's weights.</summary>
internal static class TimmWeights
{
    /// <summary>All weights of a <see cref="TimmTrunk"/>.</summary>
    internal static WeightMap Timm(this WeightMap map, TimmVitConfig config, TensorSource source)
    {
        var stack = config.Stack;
        map.Copy("patch.weight", "patch_embed.proj.weight");
        if (stack.PatchBias) map.Copy("patch.bias", "patch_embed.proj.bias");
        if (stack.ClassToken) map.Copy("cls_token", "cls_token");
        if (stack.DistillationToken) map.Copy("dist_token", "dist_token");
        if (stack.Registers > 0) map.Copy("reg_token", "reg_token");
        if (stack.Positions != VitPositions.None) map.Copy("pos_embed", "pos_embed");
        if (stack.PreNorm) map.Norm("ln_pre", "norm_pre", stack.RootMeanSquare);
        bool Has(string name) => source.Names.Any(stored => stored.EndsWith("blocks.0." + name, StringComparison.Ordinal));
        map.PerBlock(stack.Layers, "blocks.{i}.", "blocks.{i}.", block => block.Block(stack, Has));
        if (stack.Relative == RelativePositions.Shared) map.Copy("relative.table", "rel_pos_bias.relative_position_bias_table");
        if (config.Norm) map.Norm("ln_final", "norm", stack.RootMeanSquare);
        if (config.PooledNorm) map.Norm("ln_final", "fc_norm", stack.RootMeanSquare);
        if (config.Pool == TimmPool.Attention)
            map.Under("head.", "attn_pool.", pool => pool.Copy("latent", "latent")
                .Stack("qkv.weight", "q.weight", "kv.weight").Stack("qkv.bias", "q.bias", "kv.bias")
                .Pair("out", "proj").Norm("ln", "norm", stack.RootMeanSquare).Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2"));
        if (config.Classes == 0) return map;
        map.Pair("classifier", "head");
        return stack.DistillationToken ? map.Pair("classifier_dist", "head_dist") : map;
    }

    private static void Block(this WeightMap block, VitStackConfig stack, Func<string, bool> has)
    {
        block.Norm("ln1", "norm1", stack.RootMeanSquare).Norm("ln2", "norm2", stack.RootMeanSquare)
            .Linear("attn.out", "attn.proj", stack.OutBias).Linear("mlp.out", "mlp.fc2", stack.OutBias);
        block.Reading(stack, has);
        if (stack.HeadNorm) block.Norm("attn.q_norm", "attn.q_norm", stack.RootMeanSquare).Norm("attn.k_norm", "attn.k_norm", stack.RootMeanSquare);
        if (stack.Relative == RelativePositions.PerBlock) block.Copy("attn.bias.table", "attn.relative_position_bias_table");
        if (stack.AttentionNorm) block.Norm("attn.ln", "attn.norm", stack.RootMeanSquare);
        if (stack.NeuronNorm) block.Norm("mlp.ln", "mlp.norm", stack.RootMeanSquare);
        if (stack.LayerScale) block.Copy("ls1", has("gamma_1") ? "gamma_1" : "ls1.gamma").Copy("ls2", has("gamma_2") ? "gamma_2" : "ls2.gamma");
        if (!has("mlp.fc1_g.weight"))
        {
            block.Linear("mlp.in", "mlp.fc1", stack.OutBias);
            return;
        }
        block.Stack("mlp.in.weight", "mlp.fc1_g.weight", "mlp.fc1_x.weight");
        if (stack.OutBias) block.Stack("mlp.in.bias", "mlp.fc1_g.bias", "mlp.fc1_x.bias");
    }

    // Packed or not, and in BEiT's line without biases of the keys.
    private static void Reading(this WeightMap block, VitStackConfig stack, Func<string, bool> has)
    {
        var apart = has("attn.q_proj.weight");
        if (apart) block.Stack("attn.qkv.weight", "attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight");
        else block.Copy("attn.qkv.weight", "attn.qkv.weight");
        if (!stack.QkvBias) return;
        if (apart) block.Stack("attn.qkv.bias", "attn.q_proj.bias", has("attn.k_proj.bias") ? "attn.k_proj.bias" : WeightMap.Zeros, "attn.v_proj.bias");
        else if (has("attn.q_bias")) block.Stack("attn.qkv.bias", "attn.q_bias", WeightMap.Zeros, "attn.v_bias");
        else block.Copy("attn.qkv.bias", "attn.qkv.bias");
    }

    private static WeightMap Linear(this WeightMap map, string to, string from, bool bias) => bias ? map.Pair(to, from) : map.Copy(to + ".weight", from + ".weight");
}
