using Prisma.Core;

namespace Prisma.Text;

/// <summary>Mistral in the Hugging Face layout: MistralForCausalLM, MistralModel (Jiang et al. 2023). Every block sees a window of tokens.</summary>
public sealed class MistralFamily : LlamaLikeFamily
{
    private const int DefaultWindow = 4096;

    /// <inheritdoc/>
    protected override string ModelType => "mistral";

    /// <inheritdoc/>
    protected override LlamaLikeConfig TinyConfig => base.TinyConfig with { Windows = [3, 3] };

    /// <inheritdoc/>
    protected override LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config)
    {
        // The key is missing where the window has its default, and null where there is none.
        int? window = json.Has("sliding_window") ? json.Int("sliding_window")
            : folder.Config.TryGetProperty("sliding_window", out _) ? null
            : DefaultWindow;
        return config with
        {
            KeyHeads = json.Int("num_key_value_heads", 8),
            Windows = Listed(json, config.Layers, window) ?? [.. Enumerable.Repeat(window, config.Layers)],
            Head = json.ReadHead(folder, "MistralModel", "MistralForCausalLM", tied: false),
        };
    }
}
