using Prisma.Core;

namespace Prisma.Text;

/// <summary>Llama 1 to 3 in the Hugging Face layout: LlamaForCausalLM, LlamaModel (Touvron et al. 2023).</summary>
public sealed class LlamaFamily : LlamaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "llama";

    /// <inheritdoc/>
    protected override LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config)
    {
        json.Ignore("pretraining_tp");        // how the reference cuts its products, not what they are
        var bias = json.Bool("attention_bias", false);
        return config with
        {
            Bias = bias,
            OutBias = bias,
            MlpBias = json.Bool("mlp_bias", false),
            Head = json.ReadHead(folder, "LlamaModel", "LlamaForCausalLM", tied: false),
        };
    }
}
