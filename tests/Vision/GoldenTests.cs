using Prisma.Core;

namespace Prisma.Tests.Vision;

/// <summary>Every committed checkpoint folder against what the reference implementation computed from it, place by place.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Folders => [
        "hf_vit", "hf_vit_model_pooler", "hf_dino_vit",
        "hf_clip_gelu", "hf_clip_quickgelu", "open_clip_gelu", "open_clip_quickgelu",
        "hf_gpt2", "hf_gpt2_prefixed", "hf_gpt_neox", "hf_gpt_neox_serial", "hf_llama", "hf_llama3_rope_tied", "hf_llama_sharded_bf16",
        "hf_qwen2", "hf_gemma2",
        "formula_mistral", "formula_qwen3", "formula_gemma", "formula_gemma3_text", "formula_gptj", "formula_phi",
    ];

    [Theory, MemberData(nameof(Folders))]
    public void Every_reference_tensor_is_reproduced(string folder)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        var rows = Verification.Compare(model, expected);
        var failed = rows.Where(row => !row.Passed || row.Place is null).ToList();
        Assert.True(failed.Count == 0, string.Join("\n", failed.Select(row => $"{row.Key} ({row.Place}): {row.MaxError:g3} {row.Note}")));
        Assert.True(rows.Count >= 8);
    }
}
