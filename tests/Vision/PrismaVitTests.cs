using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>ViT-Prisma's own checkpoints: every place of its run_with_cache, its processing, its derived sums, its variants.</summary>
public sealed class PrismaVitTests
{
    private const string Raw = "prisma_hooked_vit", Processed = "prisma_hooked_vit_processed";

    [Fact]
    public void Every_value_of_the_cache_is_reproduced()
    {
        using var model = Models.Load(Fixture.Path($"models/{Raw}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{Raw}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{Raw}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        foreach (var wanted in cache.Tensors) Close.Check(wanted.Name, recording.Cache[Site.Parse(Ours(wanted))], wanted.ToTensor());
        Close.Check("output", recording.Main, expected.Get("output").ToTensor());
    }

    [Fact]
    public void Places_fire_under_the_references_names_in_its_order()
    {
        using var model = Models.Load(Fixture.Path($"models/{Processed}"));
        using var names = JsonDocument.Parse(File.ReadAllBytes(Fixture.Path($"models/{Processed}/hook_names.json")));
        var fired = names.RootElement.GetProperty("fired").EnumerateArray().Select(entry => entry.GetProperty("name").GetString()!).ToList();
        var ours = model.Points.Select(point => point.Site.ToString()).Where(fired.Contains);
        Assert.Equal(fired, ours);
        var silent = names.RootElement.GetProperty("not_fired").EnumerateArray().Select(entry => entry.GetString()!);
        Assert.All(silent, name => Assert.Contains(model.Points, point => point.Site.ToString() == name));
    }

    [Fact]
    public void The_processed_model_has_the_references_activations_and_output()
    {
        using var model = Models.Load(Fixture.Path($"models/{Processed}"));
        Processing.Apply(model, ProcessingStep.FoldLn, ProcessingStep.CenterWriting, ProcessingStep.FoldValueBiases);
        using var expected = TensorSource.Open(Fixture.Path($"models/{Processed}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{Processed}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        foreach (var wanted in cache.Tensors) Close.Check(wanted.Name, recording.Cache[Site.Parse(wanted.Name)], wanted.ToTensor());
        Close.Check("output", recording.Main, expected.Get("processed.output").ToTensor());
    }

    [Fact]
    public void A_checkpoint_saved_after_processing_loads_with_norms_without_weights()
    {
        using var processed = TensorSource.Open(Fixture.Path($"models/{Processed}/processed.safetensors"));
        using var copy = new CheckpointCopy(Processed, config => config["normalization_type"] = "LNPre", _ => processed.Tensors.Where(tensor => !tensor.Name.Contains("ln", StringComparison.Ordinal)));
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Processed}/expected.safetensors"));
        using var scope = NewDisposeScope();
        Close.Check("output", model.Run(expected.Get("input").ToTensor()), expected.Get("processed.output").ToTensor());
    }

    [Fact]
    public void The_derived_sums_of_the_reference_are_reproduced()
    {
        using var model = Models.Load(Fixture.Path($"models/{Raw}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{Raw}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        var stream = new ResidualStream(recording.Cache);
        using var accumulated = stream.Accumulated(includeMid: true);
        Close.Check("accumulated_resid", accumulated.Values, expected.Get("derived.accumulated_resid").ToTensor());
        using var heads = stream.Heads();
        Close.Check("stack_head_results", heads.Values, expected.Get("derived.stack_head_results").ToTensor());
        using var parts = stream.Decomposed();
        Close.Check("decompose_resid", parts.Values.narrow(0, 1, 4), expected.Get("derived.decompose_resid").ToTensor());
    }

    [Fact]
    public void A_block_of_attention_alone_adds_only_what_its_heads_wrote()
    {
        using var copy = new CheckpointCopy(Raw, config => config["attn_only"] = true, tensors => tensors.Where(tensor =>
            !tensor.Name.Contains(".mlp.", StringComparison.Ordinal) && !tensor.Name.Contains(".ln2.", StringComparison.Ordinal)));
        using var model = copy.Load();
        Assert.DoesNotContain(model.Points, point => point.Kind == Site.MlpOut || point.Kind == Site.ResidMid || point.Kind == Site.MlpIn);
        using var expected = TensorSource.Open(Fixture.Path($"models/{Raw}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{Raw}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        var first = cache.Get("blocks.0.hook_attn_out").ToTensor();
        Close.Check("what the first block writes", recording.Cache[Site.AttnOut[0]], first);
        Close.Check("stream", recording.Cache[Site.ResidPost[0]], cache.Get("blocks.0.hook_resid_pre").ToTensor() + first);
        Close.Check("sum", recording.Cache[Site.ResidPost[1]], recording.Cache[Site.ResidPre[1]] + recording.Cache[Site.AttnOut[1]]);
    }

    [Fact]
    public void Solu_has_a_norm_of_its_own_before_the_output_matrix()
    {
        using var scope = NewDisposeScope();
        var (gain, shift) = (randn(32), randn(32));
        using var copy = new CheckpointCopy(Raw, config => config["activation_name"] = "solu_ln", tensors => tensors.Concat(
            new[] { 0, 1 }.SelectMany(block => new[] { gain.ToStored($"blocks.{block}.mlp.ln.w"), shift.ToStored($"blocks.{block}.mlp.ln.b") })));
        using var model = copy.Load();
        using var recording = model.Run(randn(1, 3, 32, 32), HookPlan.Empty.Keep("blocks.1.mlp.*"));
        var pre = recording.Cache[Site.MlpPre[1]];
        Close.Check("mid", recording.Cache[Site.MlpMid[1]], pre * pre.softmax(-1));
        Close.Check("post", recording.Cache[Site.MlpPost[1]], nn.functional.layer_norm(recording.Cache[Site.MlpMid[1]], [32], gain, shift, 1e-6));
    }

    [Theory]
    [InlineData("gaap", "class_logits")]
    [InlineData("cls", "pre_logits")]
    [InlineData("last_hidden", "pre_logits")]
    public void What_is_read_off_the_stream_follows_the_configuration(string classification, string returns)
    {
        using var copy = new CheckpointCopy(Raw, config => (config["classification_type"], config["return_type"], config["normalize_output"]) = (classification, returns, true));
        using var model = copy.Load();
        using var source = TensorSource.Open(Fixture.Path($"models/{Raw}/model.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{Raw}/cache.safetensors"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{Raw}/expected.safetensors"));
        using var scope = NewDisposeScope();
        var stream = cache.Get("hook_ln_final").ToTensor();
        var read = classification switch { "gaap" => stream.mean([1]), "cls" => stream.select(1, 0), _ => stream };
        if (returns == "class_logits") read = read.matmul(source.Get("head.W_H").ToTensor()) + source.Get("head.b_H").ToTensor();
        Close.Check("output", model.Run(expected.Get("input").ToTensor()), nn.functional.normalize(read, dim: -1));
    }

    [Fact]
    public void A_hooked_config_with_weights_of_its_own_is_a_checkpoint()
    {
        using var folder = new TempFolder();
        File.Copy(Fixture.Path($"models/{Raw}/config.json"), folder["hooked_config.json"]);
        File.Copy(Fixture.Path($"models/{Raw}/model.safetensors"), folder["model.safetensors"]);
        using var model = Models.Load(folder.Path);
        using var expected = TensorSource.Open(Fixture.Path($"models/{Raw}/expected.safetensors"));
        using var scope = NewDisposeScope();
        Close.Check("output", model.Run(expected.Get("input").ToTensor()), expected.Get("output").ToTensor());
    }

    [Theory]
    [InlineData("use_bert_block", "true", "post-norm block")]
    [InlineData("is_video_transformer", "true", "video")]
    [InlineData("activation_name", "\"mish\"", "mish")]
    [InlineData("normalization_type", "null", "normalization_type")]
    [InlineData("logit_cap", "3.5", "logit_cap")]
    public void What_is_not_built_is_refused_by_name(string key, string value, string named)
    {
        using var copy = new CheckpointCopy(Raw, config => config[key] = JsonNode.Parse(value));
        Assert.Contains(named, copy.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_extra_and_misshapen_tensors_are_reported_at_once()
    {
        using var scope = NewDisposeScope();
        using var copy = new CheckpointCopy(Raw, tensors: tensors => tensors.Select(tensor => tensor.Name switch
        {
            "head.b_H" => tensor.Renamed("head.bias"),
            "blocks.0.attn.W_Q" => ones(16, 16).ToStored(tensor.Name),
            "blocks.1.mlp.W_in" => ones(16, 31).ToStored(tensor.Name),
            "blocks.1.ln2.w" => ones(15).ToStored(tensor.Name),
            _ => tensor,
        }));
        var message = copy.Refusal();
        foreach (var part in new[] { "1 tensors are missing (head.b_H)", "1 tensors have no use in this architecture (head.bias)", "'blocks.0.attn.W_Q' [16, 16]", "[16, 31]", "'blocks.1.ln2.w' [15]" })
            Assert.Contains(part, message, StringComparison.Ordinal);
    }

    // With split inputs the reference's one norm fires three times and keeps the last call, that of the values.
    private static string Ours(StoredTensor wanted) =>
        wanted.Name.Contains(".ln1.", StringComparison.Ordinal) && wanted.Shape.Count == 4 ? wanted.Name.Replace(".ln1.", ".ln1_v.", StringComparison.Ordinal) : wanted.Name;
}
