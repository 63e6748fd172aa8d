using Prisma.Core;

namespace Prisma.Tests.Vision;

/// <summary>Every committed checkpoint folder against what the reference implementation computed from it, place by place.</summary>
public sealed class GoldenTests
{
    /// <summary>The folders, below tests/fixtures/models.</summary>
    internal static IReadOnlyList<string> Names { get; } = [
        "hf_vit", "hf_vit_model_pooler", "hf_dino_vit",
        "hf_clip_gelu", "hf_clip_quickgelu", "open_clip_gelu", "open_clip_quickgelu",
        "hf_gpt2", "hf_gpt2_prefixed", "hf_gpt_neox", "hf_gpt_neox_serial", "hf_llama", "hf_llama3_rope_tied", "hf_llama_sharded_bf16",
        "hf_qwen2", "hf_gemma2",
        "formula_mistral", "formula_qwen3", "formula_gemma", "formula_gemma3_text", "formula_gptj", "formula_phi", "formula_phi3", "formula_phi3_long", "formula_metaclip2",
        "formula_swinv2", "formula_swinv2_imgcls", "formula_siglip2", "formula_open_clip_roberta", "formula_open_clip_xlm_roberta",
        "hf_videomae", "hf_vivit", "hf_timesformer", "hf_vjepa2", "hf_vjepa2_cls", "prisma_vjepa", "formula_vivit_factorised",
        "opengvlab_videomaev2", "opengvlab_videomaev2_cosine", "opengvlab_videomaev2_pretrained",
        "timm_vit", "timm_vit_plain", "timm_vit_clip", "timm_vit_gap_qknorm", "timm_vit_reg", "timm_vit_reg_embed", "timm_vit_siglip_map",
        "timm_deit_distilled", "timm_vit_rms_gated", "timm_vit_avgmax", "timm_vit_map_reg",
        "timm_eva02", "timm_eva02_clip", "timm_eva_clip", "timm_eva_post", "timm_dinov3", "timm_rope_reg", "timm_pe",
        "hf_deit_distilled", "hf_dinov2", "hf_dinov2_imgcls", "hf_dinov2_registers", "hf_dinov2_swiglu", "hf_siglip",
        "timm_beit", "timm_beitv2_shared", "timm_swin", "timm_swin_odd", "timm_swinv2", "hf_swin", "hf_swin_imgcls",
        "open_clip_siglip", "open_clip_eva", "open_clip_timm_mlp", "open_clip_variant", "open_clip_coca", "open_clip_coca_packed",
        "hf_ijepa", "hf_ijepa_imgcls", "hf_vit_msn", "hf_vit_mae", "hf_dinov3", "hf_dinov3_gated", "hf_beit", "hf_beit_imgcls",
        "diffusers_unet_lcm", "diffusers_unet_asymmetric", "diffusers_unet_pixels", "diffusers_unet_classes", "diffusers_vae_tiny", "taesd_midblock",
    ];

    public static TheoryData<string> Folders => [.. Names];

    // Means of another tensor of the file, which is compared itself.
    private static readonly string[] s_derived = ["vision.head.pattern_mean"];

    [Theory, MemberData(nameof(Folders))]
    public void Every_reference_tensor_is_reproduced(string folder)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        var rows = Verification.Compare(model, expected);
        var failed = rows.Where(row => !row.Passed || (row.Place is null && !s_derived.Contains(row.Key))).ToList();
        Assert.True(failed.Count == 0, string.Join("\n", failed.Select(row => $"{row.Key} ({row.Place}): {row.MaxError:g3} {row.Note}")));
        Assert.True(rows.Count >= 8);
    }
}
