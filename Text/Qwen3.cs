using Prisma.Core;

namespace Prisma.Text;

/// <summary>Qwen3's dense models in the Hugging Face layout: Qwen3ForCausalLM, Qwen3Model (Yang et al. 2025). Each query and key is normalised.</summary>
public sealed class Qwen3Family : LlamaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "qwen3";

    /// <inheritdoc/>
    protected override LlamaLikeConfig TinyConfig => base.TinyConfig with { HeadNorm = true, HeadWidth = 6 };

    /// <inheritdoc/>
    protected override LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config)
    {
        var bias = json.Bool("attention_bias", false);
        return config with
        {
            HeadWidth = json.Int("head_dim", 128),
            Bias = bias,
            OutBias = bias,
            HeadNorm = true,
            Windows = Qwen2Family.Windows(json, config.Layers),
            Head = json.ReadHead(folder, "Qwen3Model", "Qwen3ForCausalLM", tied: false),
        };
    }
}
