using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>open_clip's text towers of transformers, and CoCa's: padding, older files, what is refused.</summary>
public sealed class RobertaTextTests
{
    private const string Folder = "formula_open_clip_xlm_roberta";

    [Fact]
    public void Padding_changes_nothing_and_is_found_by_its_id()
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        using var scope = NewDisposeScope();
        Tensor Embed(params long[] ids) => model.Run(new ModelInput { ["input_ids"] = tensor(ids, [1, ids.Length]) }, HookPlan.Empty).Outputs["text_embeds"];
        Close.Check("padded", Embed(0, 7, 9, 2, 1, 1, 1), Embed(0, 7, 9, 2));
    }

    [Fact]
    public void The_keys_of_older_files_are_read_as_well()
    {
        using var copy = new CheckpointCopy(Folder, config =>
        {
            var text = config["model_cfg"]!["text_cfg"]!.AsObject();
            text.Remove("hf_pooler_type");
            (text["proj"], text["pooler_type"]) = ("mlp", "mean_pooler");
        });
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Folder}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed && row.Place is not null, row.Key));
    }

    [Theory]
    [InlineData("hf_pooler_type", "\"cls_pooler\"", "'hf_pooler_type' = 'cls_pooler' is not built")]
    [InlineData("hf_proj_type", "\"clap_mlp\"", "'hf_proj_type' = 'clap_mlp' is not built")]
    [InlineData("hf_model_config", "{\"num_attention_heads\": 5}", "5 attention heads do not divide the width 768")]
    [InlineData("hf_model_config", "{\"rope_scale\": 2}", "'rope_scale' = 2 is a number this family does not know")]
    public void What_is_not_built_is_refused_by_name(string key, string value, string sentence)
    {
        using var copy = new CheckpointCopy(Folder, config => config["model_cfg"]!["text_cfg"]![key] = JsonNode.Parse(value));
        Assert.Contains(sentence, copy.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_norms_of_such_a_tower_cannot_be_folded()
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        Assert.Contains("norms of a BERT", Assert.Throws<OptionsException>(() => Processing.Apply(model, ProcessingStep.FoldLn)).Message, StringComparison.Ordinal);
    }

    // What CoCa's class token may look at follows from the padding of the text.
    [Fact]
    public void A_caption_s_class_token_does_not_see_padding()
    {
        using var model = Models.Load(Fixture.Path("models/open_clip_coca"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(new ModelInput { ["input_ids"] = tensor(new long[] { 5, 6, 7, 0, 0, 0, 0, 0 }, [1, 8]) }, HookPlan.Empty.Keep(Site.Pattern[0].In(Part.Text)));
        var seen = recording.Cache[Site.Pattern[0]].select(2, 8).gt(0).sum(-1);
        Assert.True(seen.eq(4).all().item<bool>(), "the three tokens and, as these checkpoints were trained, the one behind them");
        Assert.Equal(8, recording.Outputs["text.last_hidden_state"].shape[1]);
    }
}
