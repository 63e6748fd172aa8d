using Prisma.Core;

namespace Prisma.Video;

/// <summary>The blocks of encoder and predictor: pre-norm, queries and keys turned by their place.</summary>
internal static class VJepaBlocks
{
    internal static Block Block(VJepaStack stack, VJepa2Config config) => new(
        new Attention(new AttentionOptions
        {
            Width = stack.Width,
            Heads = stack.Heads,
            Bias = config.QkvBias,
            Rotary = new TubeletRotary(stack.Width / stack.Heads, config.Side),
        }),
        new Mlp(stack.Width, stack.Hidden, Activation.Named(config.Activation)),
        LayerNorm.With(config.Eps));

    /// <summary>Where a stack's blocks lie in the checkpoint.</summary>
    internal static void Weights(WeightMap block, bool bias, (string In, string Out)? mlp = null)
    {
        var (read, write) = mlp ?? ("mlp.fc1", "mlp.fc2");
        block.Pair("ln1", "norm1").Pair("ln2", "norm2")
            .Stack("attn.qkv.weight", "attention.query.weight", "attention.key.weight", "attention.value.weight")
            .Pair("attn.out", "attention.proj").Pair("mlp.in", read).Pair("mlp.out", write);
        if (bias) block.Stack("attn.qkv.bias", "attention.query.bias", "attention.key.bias", "attention.value.bias");
    }
}
