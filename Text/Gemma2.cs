using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Gemma 2 in the Hugging Face layout: Gemma2ForCausalLM, Gemma2Model (Gemma Team 2024). Norms before and after each branch, scores and
/// logits bounded, every other block sees a window.
/// </summary>
public sealed class Gemma2Family : GemmaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "gemma2";

    /// <inheritdoc/>
    protected override GemmaLikeConfig TinyConfig => base.TinyConfig with { ScoreWidth = 5, ScoreCap = 3, LogitCap = 2, PostNorms = true, Windows = [3, null] };

    /// <inheritdoc/>
    protected override GemmaLikeConfig Complete(ConfigReader json, ModelFolder folder, GemmaLikeConfig config)
    {
        int? window = json.Int("sliding_window", 4096);
        return config with
        {
            Rope = RopeSettings.Read(json, config.Context),
            ScoreWidth = json.Int("query_pre_attn_scalar", 256),
            ScoreCap = Cap(json, folder, "attn_logit_softcapping", 50),
            LogitCap = Cap(json, folder, "final_logit_softcapping", 30),
            PostNorms = true,
            Windows = LlamaLikeFamily.Listed(json, config.Layers, window) ?? [.. Enumerable.Range(0, config.Layers).Select(i => i % 2 == 0 ? window : null)],
            Head = json.ReadHead(folder, "Gemma2Model", "Gemma2ForCausalLM", tied: true),
        };
    }

    /// <summary>A bound; none where the key is null, the reference's default where it is missing.</summary>
    internal static double? Cap(ConfigReader json, ModelFolder folder, string key, double? otherwise) =>
        json.Has(key) ? json.Double(key) : folder.Config.TryGetProperty(key, out _) ? null : otherwise;
}
