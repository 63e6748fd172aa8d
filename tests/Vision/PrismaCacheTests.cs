using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>ViT-Prisma's complete activation caches of CLIP towers, which it makes with value biases folded into the output bias.</summary>
public sealed class PrismaCacheTests
{
    public static TheoryData<string, string, string> Caches => new()
    {
        { "prisma_from_hf_clip", "vision", "image_embeds" },
        { "prisma_from_open_clip", "vision", "image_embeds" },
        { "prisma_from_open_clip_text", "text", "text_embeds" },
    };

    [Theory, MemberData(nameof(Caches))]
    public void Every_value_of_the_cache_is_reproduced(string folder, string part, string output)
    {
        using var model = Load(folder);
        Processing.Apply(model, ProcessingStep.FoldValueBiases);
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep(point => point.Site.Path.Part == part));
        foreach (var wanted in cache.Tensors)
        {
            var name = $"{part}.{wanted.Name}";
            Close.Check(name, recording.Cache[Site.Parse(name)], wanted.ToTensor());
        }
        Close.Check(output, recording.Outputs[output], expected.Get("output").ToTensor());
        Assert.True(cache.Tensors.Count > 40);
    }

    [Theory, MemberData(nameof(Caches))]
    public void Without_folding_the_values_differ_and_only_they(string folder, string part, string output)
    {
        using var model = Load(folder);
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep(point => point.Site.Path.Part == part));
        Close.Check(output, recording.Outputs[output], expected.Get("output").ToTensor());
        foreach (var wanted in cache.Tensors)
        {
            var site = Site.Parse($"{part}.{wanted.Name}");
            var (got, want) = (recording.Cache[site], wanted.ToTensor());
            var difference = (got - want).abs().masked_fill(got.eq(want), 0).max().item<float>();  // equal infinities are equal
            Assert.True(site.Kind == Site.V || site.Kind == Site.Z ? difference > 1e-3 : difference < 1e-4, $"{site}: {difference}");
        }
    }

    private static HookedModel Load(string folder)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Fixture.Path($"models/{folder}/hooked_config.json")));
        return Models.Load(Path.Combine(Fixture.Path($"models/{folder}"), config.RootElement.GetProperty("source").GetString()!));
    }
}
