using Prisma.Core;

namespace Prisma.Text;

/// <summary>Gemma 1 in the Hugging Face layout: GemmaForCausalLM, GemmaModel (Gemma Team 2024).</summary>
public sealed class GemmaFamily : GemmaLikeFamily
{
    /// <inheritdoc/>
    protected override string ModelType => "gemma";

    /// <inheritdoc/>
    protected override GemmaLikeConfig Complete(ConfigReader json, ModelFolder folder, GemmaLikeConfig config) => config with
    {
        Rope = RopeSettings.Read(json, config.Context),
        Head = json.ReadHead(folder, "GemmaModel", "GemmaForCausalLM", tied: true),
    };
}
