using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Gemma 3's text models in the Hugging Face layout: Gemma3ForCausalLM, Gemma3TextModel (Gemma Team 2025). Gemma 2's sandwich with norms on
/// queries and keys instead of bounds; most blocks see a window and have rotary frequencies of their own.
/// </summary>
public sealed class Gemma3Family : GemmaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "gemma3_text";

    /// <inheritdoc/>
    protected override GemmaLikeConfig TinyConfig => base.TinyConfig with
    {
        HeadNorm = true,
        PostNorms = true,
        Windows = [3, null],
        Rope = RopeSettings.Plain(1_000_000),
        WindowRope = RopeSettings.Plain(),
    };

    /// <inheritdoc/>
    protected override GemmaLikeConfig Complete(ConfigReader json, ModelFolder folder, GemmaLikeConfig config)
    {
        json.Require(!json.Has("rope_parameters"), "'rope_parameters' with settings for each kind of block is not built; rope_theta, rope_scaling and rope_local_base_freq are");
        int? window = json.Int("sliding_window", 4096);
        var pattern = json.Int("sliding_window_pattern", json.Int("_sliding_window_pattern", 6));
        return config with
        {
            Rope = RopeSettings.Read(json, config.Context, 1_000_000),
            WindowRope = RopeSettings.Plain(json.Double("rope_local_base_freq", 10000)),
            ScoreWidth = json.Int("query_pre_attn_scalar", 256),
            ScoreCap = Gemma2Family.Cap(json, folder, "attn_logit_softcapping", null),
            LogitCap = Gemma2Family.Cap(json, folder, "final_logit_softcapping", null),
            HeadNorm = true,
            PostNorms = true,
            Windows = LlamaLikeFamily.Listed(json, config.Layers, window) ?? [.. Enumerable.Range(0, config.Layers).Select(i => (i + 1) % pattern != 0 ? window : null)],
            Head = json.ReadHead(folder, "Gemma3TextModel", "Gemma3ForCausalLM", tied: true),
        };
    }
}
