using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Qwen2 and Qwen2.5 in the Hugging Face layout: Qwen2ForCausalLM, Qwen2Model (Yang et al. 2024). Biases on q, k and v; where windows are
/// switched on, blocks from <c>max_window_layers</c> on see one.
/// </summary>
public sealed class Qwen2Family : LlamaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "qwen2";

    /// <inheritdoc/>
    protected override LlamaLikeConfig TinyConfig => base.TinyConfig with { Bias = true, Head = LmHead.Tied };

    /// <inheritdoc/>
    protected override LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config) => config with
    {
        Bias = true,
        Windows = Windows(json, config.Layers),
        Head = json.ReadHead(folder, "Qwen2Model", "Qwen2ForCausalLM", tied: false),
    };

    /// <summary>Windows as Qwen's configurations tell them.</summary>
    internal static IReadOnlyList<int?> Windows(ConfigReader json, int layers)
    {
        var width = json.Int("sliding_window", 4096);
        var first = json.AnyInt("max_window_layers", 28);
        int? window = json.Bool("use_sliding_window", false) ? width : null;
        return Listed(json, layers, window) ?? [.. Enumerable.Range(0, layers).Select(i => i >= first ? window : null)];
    }
}
