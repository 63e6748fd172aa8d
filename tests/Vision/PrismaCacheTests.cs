using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>ViT-Prisma's complete activation caches of converted checkpoints, which it makes with value biases folded into the output bias.</summary>
public sealed class PrismaCacheTests
{
    public static TheoryData<string, string, string> Caches => new()
    {
        { "prisma_from_hf_clip", "vision", "image_embeds" },
        { "prisma_from_open_clip", "vision", "image_embeds" },
        { "prisma_from_open_clip_text", "text", "text_embeds" },
        { "prisma_from_timm", "", "logits" },
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
            var site = Site.Parse(wanted.Name).In(part);
            Close.Check(wanted.Name, recording.Cache[site], wanted.ToTensor());
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
            var site = Site.Parse(wanted.Name).In(part);
            var (got, want) = (recording.Cache[site], wanted.ToTensor());
            var difference = (got - want).abs().masked_fill(got.eq(want), 0).max().item<float>();  // equal infinities are equal
            Assert.True(site.Kind == Site.V || site.Kind == Site.Z ? difference > 1e-3 : difference < 1e-4, $"{site}: {difference}");
        }
    }

    [Fact]
    public void A_converted_dino_has_the_same_stream_and_its_readout_follows_from_it()
    {
        const string Folder = "prisma_from_dino";
        using var model = Load(Folder);
        Processing.Apply(model, ProcessingStep.FoldValueBiases);
        using var expected = TensorSource.Open(Fixture.Path($"models/{Folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{Folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep(point => !point.OnDemand));
        foreach (var wanted in cache.Tensors.Where(tensor => tensor.Name != Site.PostHead.Name))
            Close.Check(wanted.Name, recording.Cache[Site.Parse(wanted.Name)], wanted.ToTensor());
        var hidden = recording.Outputs["last_hidden_state"];
        var patches = hidden.narrow(1, 1, hidden.shape[1] - 1).mean([1]);
        Close.Check("output", stack([hidden.select(1, 0), patches], -1), expected.Get("output").ToTensor());
    }

    private static HookedModel Load(string folder)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Fixture.Path($"models/{folder}/hooked_config.json")));
        return Models.Load(Path.Combine(Fixture.Path($"models/{folder}"), config.RootElement.GetProperty("source").GetString()!));
    }
}
