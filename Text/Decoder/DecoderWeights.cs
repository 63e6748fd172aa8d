using Prisma.Core;

namespace Prisma.Text;

/// <summary>Where checkpoints of Llama's layout keep the weights of their blocks: what several families share.</summary>
internal static class DecoderWeights
{
    /// <summary>The body in Llama's layout and the head; names with or without <c>model.</c> before them.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="layers">The number of blocks.</param>
    /// <param name="head">What maps to the logits.</param>
    /// <param name="block">The rules of one block.</param>
    /// <param name="gain">How a stored gain becomes a norm's; as it is where null.</param>
    public static WeightMap Llama(TensorSource source, int layers, LmHead head, Action<WeightMap> block, Func<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>? gain = null)
    {
        var prefix = ClipWeights.Prefix(source, "embed_tokens.weight", "model.");
        return new WeightMap()
            .Copy("token_embed", prefix + "embed_tokens.weight")
            .Copy("ln_final.weight", prefix + "norm.weight", gain)
            .PerBlock(layers, "blocks.{i}.", prefix + "layers.{i}.", block)
            .Ignore("*rotary_emb.inv_freq", "it follows from the configuration")
            .Head(head, "lm_head");
    }

    /// <summary>The head; a copy of tied embeddings that some files carry has no use.</summary>
    public static WeightMap Head(this WeightMap map, LmHead head, string name, bool bias = false)
    {
        if (head == LmHead.Own)
        {
            map.Copy("head.weight", name + ".weight");
            if (bias) map.Copy("head.bias", name + ".bias");
        }
        else
        {
            map.Ignore(name + ".*", head == LmHead.Tied ? "tied to the token embeddings" : "the architecture has no head");
        }
        return map;
    }

    /// <summary>A weight stored as [inputs, outputs], with its bias.</summary>
    public static WeightMap Transposed(this WeightMap map, string to, string from) =>
        map.Copy(to + ".weight", from + ".weight", weight => weight.t()).Copy(to + ".bias", from + ".bias");

    /// <summary>Separate q, k and v projections and the output under a module's name.</summary>
    public static WeightMap Projections(this WeightMap block, string module, bool bias, bool outBias, string output = "o_proj")
    {
        block.Stack("attn.qkv.weight", $"{module}.q_proj.weight", $"{module}.k_proj.weight", $"{module}.v_proj.weight");
        if (bias) block.Stack("attn.qkv.bias", $"{module}.q_proj.bias", $"{module}.k_proj.bias", $"{module}.v_proj.bias");
        block.Copy("attn.out.weight", $"{module}.{output}.weight");
        return outBias ? block.Copy("attn.out.bias", $"{module}.{output}.bias") : block;
    }

    /// <summary>Gate, up and down projections.</summary>
    public static WeightMap Gated(this WeightMap block, bool bias)
    {
        block.Stack("mlp.in.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight").Copy("mlp.out.weight", "mlp.down_proj.weight");
        return bias ? block.Stack("mlp.in.bias", "mlp.gate_proj.bias", "mlp.up_proj.bias").Copy("mlp.out.bias", "mlp.down_proj.bias") : block;
    }

    /// <summary>Whether the architecture has a head, and whose matrix it is.</summary>
    /// <param name="json">The configuration; faults go there.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The architecture without a head, such as <c>LlamaModel</c>.</param>
    /// <param name="withHead">The one with a head.</param>
    /// <param name="tied">Whether the head is tied where the file does not say.</param>
    public static LmHead ReadHead(this ConfigReader json, ModelFolder folder, string model, string withHead, bool tied)
    {
        json.Require(folder.Architecture == model || folder.Architecture == withHead || folder.Architecture.Length == 0,
            $"the architecture '{folder.Architecture}' is not built; {model} and {withHead} are");
        var isTied = json.Bool("tie_word_embeddings", tied);
        return folder.Architecture == model ? LmHead.None : isTied ? LmHead.Tied : LmHead.Own;
    }
}
