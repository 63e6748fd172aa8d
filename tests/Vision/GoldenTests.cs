using Prisma.Core;

namespace Prisma.Tests.Vision;

/// <summary>Every committed checkpoint folder against what the reference implementation computed from it, place by place.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Folders => [
        "hf_vit", "hf_vit_model_pooler", "hf_dino_vit",
        "hf_clip_gelu", "hf_clip_quickgelu", "open_clip_gelu", "open_clip_quickgelu",
        "hf_videomae", "hf_vivit", "hf_timesformer", "hf_vjepa2", "hf_vjepa2_cls", "prisma_vjepa",
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
