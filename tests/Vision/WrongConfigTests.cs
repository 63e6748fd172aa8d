using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Tests.Vision;

/// <summary>Verification notices what a wrong configuration does: another GELU, another ε, another number of heads.</summary>
public sealed class WrongConfigTests
{
    public static TheoryData<string, string, string, string> Mutations => new()
    {
        { "hf_vit", "hidden_act", "\"gelu_new\"", "mlp_out.0" },
        { "hf_vit", "layer_norm_eps", "1e-6", "pattern.0" },
        { "hf_vit", "num_attention_heads", "8", "pattern.0" },
        { "hf_deit_distilled", "hidden_act", "\"quick_gelu\"", "mlp_out.0" },
        { "hf_deit_distilled", "layer_norm_eps", "1e-5", "" },
        { "hf_deit_distilled", "num_attention_heads", "4", "pattern.0" },
        { "hf_dinov2", "hidden_act", "\"gelu_new\"", "mlp_out_raw.0" },
        { "hf_dinov2", "layer_norm_eps", "1e-5", "" },
        { "hf_dinov2_swiglu", "num_attention_heads", "8", "pattern.0" },
        { "hf_siglip", "vision_config.hidden_act", "\"gelu\"", "vision.mlp_out.0" },
        { "hf_siglip", "text_config.layer_norm_eps", "1e-5", "" },
        { "hf_siglip", "vision_config.num_attention_heads", "2", "vision.pattern.0" },
        { "timm_vit_clip", "architecture", "\"vit_base_patch16_clip_quickgelu_224\"", "mlp_out.0" },
        { "timm_vit_clip", "architecture", "\"vit_base_patch16_224\"", "" },  // ε 1e-6 for 1e-5
        { "timm_vit_siglip_map", "model_args.act_layer", "\"gelu_tanh\"", "mlp_out.0" },
        { "timm_vit_plain", "model_args.num_heads", "6", "pattern.0" },
    };

    [Theory, MemberData(nameof(Mutations))]
    public void The_first_divergence_is_named(string folder, string path, string value, string first)
    {
        using var copy = new CheckpointCopy(folder, config =>
        {
            var keys = path.Split('.');
            var at = keys[..^1].Aggregate(config, (node, key) => node[key]!);
            at[keys[^1]] = JsonNode.Parse(value);
        });
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        var failed = Verification.Compare(model, expected).Where(row => !row.Passed).ToList();
        Assert.NotEmpty(failed);
        if (first.Length > 0) Assert.Equal(first, failed[0].Key);
    }
}
