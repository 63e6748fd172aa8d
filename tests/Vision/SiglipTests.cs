using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>SigLIP: towers alone, the pooling head's places, what the configuration may leave out.</summary>
public sealed class SiglipTests
{
    private const string Folder = "hf_siglip";

    [Theory]
    [InlineData("SiglipVisionModel", "siglip_vision_model", "vision")]
    [InlineData("SiglipTextModel", "siglip_text_model", "text")]
    public void One_tower_alone_gives_what_it_gives_in_the_pair(string architecture, string type, string part)
    {
        using var copy = new CheckpointCopy(Folder, config =>
        {
            var own = config[part + "_config"]!.DeepClone().AsObject();
            (own["architectures"], own["model_type"]) = (new JsonArray(architecture), type);
            var whole = config.AsObject();
            whole.Clear();
            foreach (var (key, value) in own.ToList()) whole[key] = value?.DeepClone();
        }, tensors => tensors.Where(tensor => tensor.Name.StartsWith(part, StringComparison.Ordinal)));
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Folder}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get(part + ".input").ToTensor(), HookPlan.Empty.Keep("*"));
        Close.Check("last_hidden_state", recording.Outputs["last_hidden_state"], expected.Get(part + ".last_hidden_state").ToTensor());
        Close.Check("pooler_output", recording.Outputs["pooler_output"], expected.Get(part + ".pooler_output").ToTensor());
        Assert.Equal(part == "vision", recording.Cache.Sites.Any(site => site.ToString() == "head.hook_pattern"));
    }

    [Fact]
    public void The_mean_of_the_heads_patterns_is_the_references()
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{Folder}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("vision.input").ToTensor(), HookPlan.Empty.Keep("vision.head.*"));
        Close.Check("pattern", recording.Cache[Site.Parse("vision.head.hook_pattern")].mean([1]), expected.Get("vision.head.pattern_mean").ToTensor());
    }

    [Fact]
    public void Without_its_head_the_image_tower_returns_the_stream_alone()
    {
        using var copy = new CheckpointCopy(Folder, config =>
        {
            config["architectures"] = new JsonArray("SiglipVisionModel");
            config["vision_config"]!["vision_use_head"] = false;
        }, tensors => tensors.Where(tensor => tensor.Name.StartsWith("vision", StringComparison.Ordinal) && !tensor.Name.Contains(".head.", StringComparison.Ordinal)));
        using var model = copy.Load();
        using var scope = NewDisposeScope();
        using var recording = model.Run(randn(1, 3, 32, 32), HookPlan.Empty);
        Assert.Equal(["last_hidden_state"], recording.Outputs.Keys);
    }

    [Theory]
    [InlineData("SiglipForImageClassification", "SiglipForImageClassification")]
    [InlineData("", "num_attention_heads")]
    public void What_is_not_built_is_refused_by_name(string architecture, string named)
    {
        using var copy = new CheckpointCopy(Folder, config =>
        {
            if (architecture.Length > 0) config["architectures"] = new JsonArray(architecture);
            else config["text_config"]!["num_attention_heads"] = -1;
        });
        Assert.Contains(named, copy.Refusal(), StringComparison.Ordinal);
    }
}
