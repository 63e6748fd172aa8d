using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>CLIP in open_clip's layout: variants of the checkpoint and what is refused.</summary>
public sealed class OpenClipTests
{
    private const string Gelu = "open_clip_gelu";

    [Theory]
    [InlineData("open_clip_model.safetensors")]
    [InlineData("open_clip_pytorch_model.bin")]
    public void A_text_tower_under_text_loads_like_a_bare_one(string weights)
    {
        using var copy = new CheckpointCopy(Gelu, config => config["model_cfg"]!["custom_text"] = true, tensors => tensors.Select(tensor =>
            tensor.Name.StartsWith("visual.", StringComparison.Ordinal) || tensor.Name == "logit_scale" ? tensor : tensor.Renamed("text." + tensor.Name)), weights);
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Gelu}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed && row.Place is not null, row.Key));
    }

    [Fact]
    public void A_checkpoint_from_the_middle_of_training_loads()
    {
        using var scope = NewDisposeScope();
        using var copy = new CheckpointCopy(Gelu, tensors: tensors => tensors.Select(tensor => tensor.Renamed("state_dict.module." + tensor.Name))
            .Append(ones(3).ToStored("optimizer.state.0.exp_avg")), weights: "open_clip_pytorch_model.bin");
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Gelu}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed && row.Place is not null, row.Key));
    }

    [Fact]
    public void The_wrong_gelu_fails_verification()
    {
        using var copy = new CheckpointCopy(Gelu, config => config["model_cfg"]!["quick_gelu"] = true);
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Gelu}/expected.safetensors"));
        Assert.Equal("vision.mlp_out.0", Verification.Compare(model, expected).First(row => !row.Passed).Key);
    }

    [Fact]
    public void Layer_scale_multiplies_what_a_branch_adds_to_the_stream()
    {
        using var scope = NewDisposeScope();
        using var copy = new CheckpointCopy(Gelu, config => config["model_cfg"]!["vision_cfg"]!["ls_init_value"] = 1e-5, tensors => tensors.Concat(
            from block in new[] { 0, 1 }
            from scale in new[] { 1, 2 }
            select full([24], 0.5 * scale).ToStored($"visual.transformer.resblocks.{block}.ls_{scale}.gamma")));
        using var model = copy.Load();
        using var recording = model.Run(randn(1, 3, 32, 32), HookPlan.Empty.Keep("*"));
        var cache = recording.Cache;
        Close.Check("attention", cache[Site.AttnOut[1]], cache[Site.AttnModuleOut[1]] * 0.5);
        Close.Check("MLP", cache[Site.MlpOut[1]], cache[Site.MlpModuleOut[1]]);
        Close.Check("sum", cache[Site.ResidPost[1]], cache[Site.ResidPre[1]] + cache[Site.AttnOut[1]] + cache[Site.MlpOut[1]]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Mean_pooling_leaves_out_the_class_token(bool normAfter)
    {
        using var copy = new CheckpointCopy(Gelu, config =>
        {
            var vision = config["model_cfg"]!["vision_cfg"]!;
            (vision["pool_type"], vision["no_ln_pre"], vision["final_ln_after_pool"]) = ("avg", true, normAfter);
        }, tensors => tensors.Where(tensor => !tensor.Name.StartsWith("visual.ln_pre", StringComparison.Ordinal)));
        using var model = copy.Load();
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(Fixture.Path($"models/{Gelu}/open_clip_model.safetensors"));
        using var recording = model.Run(randn(2, 3, 32, 32), HookPlan.Empty.Keep("*"));
        var (gain, bias) = (source.Get("visual.ln_post.weight").ToTensor(), source.Get("visual.ln_post.bias").ToTensor());
        Tensor Norm(Tensor x) => nn.functional.layer_norm(x, [24], gain, bias);
        var patches = recording.Cache[Site.ResidPost[1]].narrow(1, 1, 16);
        Close.Check("embedding before the blocks", recording.Cache[Site.ResidPre[0]], recording.Cache[Site.FullEmbed.Only]);
        Close.Check("pooled", recording.Outputs["vision.pooler_output"], normAfter ? Norm(patches.mean([1])) : Norm(patches).mean([1]));
    }

    [Fact]
    public void A_bidirectional_text_tower_may_pool_the_last_token_and_project_with_a_bias()
    {
        using var scope = NewDisposeScope();
        var bias = randn(20);
        using var copy = new CheckpointCopy(Gelu, config =>
        {
            var text = config["model_cfg"]!["text_cfg"]!;
            (text["no_causal_mask"], text["pool_type"], text["proj_bias"]) = (true, "last", true);
        }, tensors => tensors.Where(tensor => tensor.Name != "text_projection").Concat(
            [Transposed(tensors, "text_projection").ToStored("text_projection.weight"), bias.ToStored("text_projection.bias"), full([], -3.0).ToStored("logit_bias")]));
        using var model = copy.Load();
        var ids = tensor(new long[] { 1, 69, 3, 4 }).view(1, 4);
        using var recording = model.Run(new ModelInput { ["pixel_values"] = randn(1, 3, 32, 32), ["input_ids"] = ids }, HookPlan.Empty.Keep(Site.Pattern[0].In(Part.Text)));
        Assert.True(recording.Cache[Site.Pattern[0]].gt(0).all().item<bool>(), "every token is looked at");
        Close.Check("pooled", recording.Outputs["text.pooler_output"], recording.Outputs["text.last_hidden_state"].select(1, 3));
        var cosine = recording.Outputs["image_embeds"].matmul(recording.Outputs["text_embeds"].t());
        Close.Check("logits", recording.Outputs["logits_per_image"], cosine * ((IImageTextModel)model).LogitScale - 3);
    }

    [Theory]
    [InlineData("vision_cfg", "timm_model_name", "\"convnext_base\"", "convnext_base")]
    [InlineData("vision_cfg", "layers", "[3, 4, 6, 3]", "ModifiedResNet")]
    [InlineData("vision_cfg", "attentional_pool", "\"parallel\"", "attentional_pool")]
    [InlineData("vision_cfg", "head_width", "25", "0 attention heads do not divide the width 24")]
    [InlineData("text_cfg", "heads", "3", "3 attention heads do not divide the width 16")]
    [InlineData("text_cfg", "hf_model_name", "\"bert-base-uncased\"", "'bert-base-uncased' is not built; roberta-base")]
    [InlineData("text_cfg", "use_pad_mask", "true", "use_pad_mask")]
    [InlineData("text_cfg", "qk_norm", "true", "qk_norm")]
    [InlineData("text_cfg", "pool_type", "\"eos\"", "eos_id")]
    public void What_is_not_built_is_refused_by_name(string tower, string key, string value, string named)
    {
        using var copy = new CheckpointCopy(Gelu, config => config["model_cfg"]![tower]![key] = JsonNode.Parse(value));
        Assert.Contains(named, copy.Refusal(), StringComparison.Ordinal);
    }

    private static Tensor Transposed(IEnumerable<StoredTensor> tensors, string name) => tensors.Single(tensor => tensor.Name == name).ToTensor().t();
}
