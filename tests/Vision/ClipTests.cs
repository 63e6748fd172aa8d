using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>CLIP in the Hugging Face layout: what loads, what is refused, and what the towers do beyond the reference values.</summary>
public sealed class ClipTests
{
    private const string Gelu = "hf_clip_gelu", QuickGelu = "hf_clip_quickgelu";

    [Theory]
    [InlineData("vision_config", "vision.mlp_out.0")]
    [InlineData("text_config", "text.mlp_out.0")]
    public void The_wrong_gelu_fails_verification_and_its_first_place_is_named(string tower, string first)
    {
        using var copy = new CheckpointCopy(Gelu, config => config[tower]!.AsObject().Remove("hidden_act"));
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Gelu}/expected.safetensors"));
        Assert.Equal(first, Verification.Compare(model, expected).First(row => !row.Passed).Key);
    }

    [Fact]
    public void An_unknown_activation_is_refused_by_name() =>
        Refused(Gelu, config => config["text_config"]!["hidden_act"] = "mish", "text_config", "'mish'", "quick_gelu");

    [Fact]
    public void Heads_that_do_not_divide_the_width_are_refused() =>
        Refused(Gelu, config => config["vision_config"]!["num_attention_heads"] = 3, "vision_config", "3 attention heads", "16");

    [Fact]
    public void An_unknown_number_in_a_tower_is_refused() =>
        Refused(Gelu, config => config["vision_config"]!["logit_cap"] = 5.0, "'logit_cap' = 5");

    [Fact]
    public void An_architecture_that_is_not_built_is_refused() =>
        Refused(Gelu, config => config["architectures"] = new JsonArray("CLIPForImageClassification"), "CLIPForImageClassification", "CLIPModel");

    [Fact]
    public void Missing_extra_and_misshapen_tensors_are_reported_at_once()
    {
        using var copy = new CheckpointCopy(Gelu, tensors: tensors => tensors.Select(tensor => tensor.Name switch
        {
            "logit_scale" => tensor.Renamed("scale"),
            "text_model.final_layer_norm.bias" => tensor.Renamed("text_model.last.bias"),
            _ => tensor,
        }), config: config => config["vision_config"]!["intermediate_size"] = 41);
        var message = copy.Refusal();
        foreach (var part in new[] { "2 tensors are missing", "logit_scale", "text_model.final_layer_norm.bias", "2 tensors have no use", "scale", "[41, 16]" })
            Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tower_without_input_is_not_run()
    {
        using var model = Models.Load(Fixture.Path($"models/{Gelu}"));
        using var pixels = randn(1, 3, 32, 32);
        using var recording = model.Run(pixels, HookPlan.Empty.Keep("*"));
        Assert.All(recording.Cache.Sites, site => Assert.Equal(Part.Vision, site.Path.Part));
        Assert.Equal(["image_embeds", "vision.last_hidden_state", "vision.pooler_output"], recording.Outputs.Keys.Order());
        using var ids = tensor(new long[] { 56, 4, 57 }).view(1, 3);
        using var texts = model.Run(new ModelInput { ["text"] = ids }, HookPlan.Empty);
        Assert.Equal(["text.last_hidden_state", "text.pooler_output", "text_embeds"], texts.Outputs.Keys.Order());
        Assert.Throws<ShapeException>(() => model.Run([], HookPlan.Empty));
    }

    [Theory]
    [InlineData("CLIPVisionModel", "vision_model.", "")]
    [InlineData("CLIPVisionModel", "vision_model.", "vision_model.")]
    [InlineData("CLIPVisionModelWithProjection", "vision_model.", "vision_model.")]
    [InlineData("CLIPTextModel", "text_model.", "")]
    [InlineData("CLIPTextModel", "text_model.", "text_model.")]
    [InlineData("CLIPTextModelWithProjection", "text_model.", "text_model.")]
    public void One_tower_alone_gives_what_it_gives_in_the_pair(string architecture, string tower, string prefix)
    {
        var isVision = tower == "vision_model.";
        var projects = architecture.EndsWith("WithProjection", StringComparison.Ordinal);
        var projection = isVision ? "visual_projection.weight" : "text_projection.weight";
        using var copy = new CheckpointCopy(QuickGelu, config =>
        {
            var own = config[isVision ? "vision_config" : "text_config"]!.DeepClone().AsObject();
            own["architectures"] = new JsonArray(architecture);
            var whole = config.AsObject();
            whole.Clear();
            foreach (var (key, value) in own.ToList()) whole[key] = value?.DeepClone();
        }, tensors => tensors
            .Where(tensor => tensor.Name.StartsWith(tower, StringComparison.Ordinal) || projects && tensor.Name == projection)
            .Select(tensor => tensor.Name == projection ? tensor : tensor.Renamed(prefix + tensor.Name[tower.Length..])));
        using var alone = copy.Load();
        using var pair = Models.Load(Fixture.Path($"models/{QuickGelu}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{QuickGelu}/expected.safetensors"));
        using var scope = NewDisposeScope();
        var part = isVision ? Part.Vision : Part.Text;
        var input = expected.Get(part + ".input").ToTensor();
        using var one = alone.Run(input, HookPlan.Empty.Keep("*"));
        Assert.All(one.Cache.Sites, site => Assert.Equal("", site.Path.Part));
        Close.Check("last_hidden_state", one.Outputs["last_hidden_state"], expected.Get(part + ".last_hidden_state").ToTensor());
        Close.Check("pooler_output", one.Outputs["pooler_output"], expected.Get(part + ".pooler_output").ToTensor());
        if (projects) Close.Check("embeds", one.Outputs[isVision ? "image_embeds" : "text_embeds"], expected.Get(part + ".projected").ToTensor());
        else Assert.DoesNotContain(one.Outputs.Keys, name => name.EndsWith("embeds", StringComparison.Ordinal));
    }

    [Fact]
    public void A_pytorch_bin_loads_like_the_safetensors_file()
    {
        using var copy = new CheckpointCopy(QuickGelu, weights: "pytorch_model.bin");
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{QuickGelu}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed, row.Key));
    }

    [Fact]
    public void An_old_config_dict_replaces_the_tower_beside_it()
    {
        using var copy = new CheckpointCopy(Gelu, config =>
        {
            config["text_config_dict"] = config["text_config"]!.DeepClone();
            config["text_config"]!["hidden_size"] = 512;
            config["vision_config_dict"] = null;
        });
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Gelu}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed, row.Key));
    }

    [Fact]
    public void Masked_tokens_are_not_looked_at_and_change_nothing()
    {
        using var model = Models.Load(Fixture.Path($"models/{Gelu}"));
        using var scope = NewDisposeScope();
        var ids = tensor(new long[] { 56, 4, 9, 57, 1, 1 }).view(1, 6);
        var mask = tensor(new long[] { 1, 1, 1, 1, 0, 0 }).view(1, 6);
        using var masked = model.Run(new ModelInput { ["input_ids"] = ids, ["attention_mask"] = mask }, HookPlan.Empty.Keep(Site.Pattern[0].In(Part.Text), Site.AttnScores[0].In(Part.Text)));
        Assert.Equal(0, masked.Cache[Site.Pattern[0]].narrow(3, 4, 2).abs().max().item<float>());
        Assert.True(masked.Cache[Site.AttnScores[0]].narrow(3, 4, 2).eq(double.NegativeInfinity).all().item<bool>());
        using var cut = model.Run(new ModelInput { ["input_ids"] = ids.narrow(1, 0, 4) }, HookPlan.Empty);
        Close.Check("text_embeds", masked.Outputs["text_embeds"], cut.Outputs["text_embeds"]);
        var error = Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["input_ids"] = ids, ["attention_mask"] = 1 - mask }, HookPlan.Empty));
        Assert.Contains("Pad on the right", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(57, 1)]  // the first end token, though a greater id follows
    [InlineData(2, 3)]  // what old files say: the greatest id
    public void The_token_that_is_pooled_follows_eos_token_id(int eos, int at)
    {
        using var copy = new CheckpointCopy(Gelu, config => config["text_config"]!["eos_token_id"] = eos);
        using var model = copy.Load();
        using var scope = NewDisposeScope();
        var ids = tensor(new long[] { 56, 57, 57, 59, 3 }).view(1, 5);
        using var recording = model.Run(new ModelInput { ["input_ids"] = ids }, HookPlan.Empty);
        Close.Check("pooled", recording.Outputs["text.pooler_output"], recording.Outputs["text.last_hidden_state"].select(1, at));
    }

    [Fact]
    public void Ids_outside_the_vocabulary_and_too_long_texts_are_refused()
    {
        using var model = Models.Load(Fixture.Path($"models/{Gelu}"));
        using var scope = NewDisposeScope();
        var outside = Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["input_ids"] = tensor(new long[] { 1, 60 }).view(1, 2) }, HookPlan.Empty));
        Assert.Contains("60", outside.Message, StringComparison.Ordinal);
        var tooLong = Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["input_ids"] = ones(1, 12, dtype: ScalarType.Int64) }, HookPlan.Empty));
        Assert.Contains("1 to 11 tokens", tooLong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_picture_size_resamples_the_patches_positions_and_keeps_the_class_tokens()
    {
        using var model = Models.Load(Fixture.Path($"models/{Gelu}"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(randn(1, 3, 48, 40), HookPlan.Empty.Keep(Site.PosEmbed.Only.In(Part.Vision)));
        using var source = TensorSource.Open(Fixture.Path($"models/{Gelu}/model.safetensors"));
        var table = source.Get("vision_model.embeddings.position_embedding.weight").ToTensor();
        var grid = table.narrow(0, 1, 16).t().view(1, 16, 4, 4);
        var wanted = nn.functional.interpolate(grid, [6, 5], mode: InterpolationMode.Bicubic, align_corners: false).view(16, 30).t();
        var got = recording.Cache[Site.PosEmbed.Only];
        Assert.Equal([1L, 31, 16], got.shape);
        Close.Check("class token", got.select(1, 0), table.select(0, 0));
        Close.Check("patches", got.narrow(1, 1, 30), wanted);
    }

    private static void Refused(string fixture, Action<JsonNode> config, params string[] parts)
    {
        using var copy = new CheckpointCopy(fixture, config);
        var message = copy.Refusal();
        foreach (var part in parts) Assert.Contains(part, message, StringComparison.Ordinal);
    }
}
