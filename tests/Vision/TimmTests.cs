using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>timm's VisionTransformer: what the architecture's name settles, what the arguments change, what is refused.</summary>
public sealed class TimmTests
{
    private const string Plain = "timm_vit_plain";

    [Fact]
    public void Every_architecture_of_the_table_is_read_or_refused_by_the_option_that_is_missing()
    {
        using var folder = new TempFolder();
        var (table, built) = (TimmArguments.Table("vit"), 0);
        foreach (var name in table.Keys)
        {
            File.WriteAllText(folder["config.json"], $$$"""{"architecture": "{{{name}}}", "num_classes": 10, "pretrained_cfg": {"input_size": [3, 224, 224], "fixed_input_size": true}}""");
            try
            {
                var config = TimmVitConfig.Read(TimmArguments.Read(ModelFolder.Open(folder.Path), table));
                Assert.True(config.Stack.Rows > 0 && config.Classes == 10, name);
                built++;
            }
            catch (CheckpointException refusal)
            {
                Assert.Matches("'(block_fn|attn_layer|embed_norm_layer)'", refusal.Message);
            }
        }
        Assert.True(built > 140, $"{built} of {table.Count}");
    }

    [Theory]
    [InlineData("eva", 50, "'(rope_type|gated_attn)'|rope_type ")]
    [InlineData("beit", 7, "nothing")]
    [InlineData("swin", 8, "'window_size'|nothing of stage|window")]
    public void The_other_tables_are_read_or_refused_likewise(string table, int least, string refusal)
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var built = 0;
        Safetensors.Write(folder["model.safetensors"], [zeros(1).ToStored("nothing")]);
        foreach (var name in TimmArguments.Table(table).Keys)
        {
            File.WriteAllText(folder["config.json"], $$$"""{"architecture": "{{{name}}}", "num_classes": 10, "pretrained_cfg": {"input_size": [3, 224, 224]}}""");
            var message = Assert.Throws<CheckpointException>(() => Models.Load(folder.Path)).Message;
            // A configuration that was read gets as far as the weights.
            if (message.Contains("tensors are missing", StringComparison.Ordinal)) built++;
            else Assert.Matches(refusal, message);
        }
        Assert.True(built >= least, $"{built}");
    }

    [Fact]
    public void What_config_leaves_out_follows_from_the_name()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["config.json"], """{"architecture": "vit_large_patch14_clip_quickgelu_336", "num_classes": 0, "pretrained_cfg": {"input_size": [3, 336, 336], "fixed_input_size": true}}""");
        var config = TimmVitConfig.Read(TimmArguments.Read(ModelFolder.Open(folder.Path), TimmArguments.Table("vit")));
        Assert.Equal((1024, 24, 16, 14, 24, 1e-5, "quick_gelu", true), (config.Stack.Width, config.Stack.Layers, config.Stack.Heads, config.Stack.Patch, config.Stack.Rows, config.Stack.Eps, config.Stack.Activation, config.Stack.PreNorm));
    }

    [Fact]
    public void A_file_in_the_old_form_is_its_own_pretrained_cfg()
    {
        using var copy = new CheckpointCopy(Plain, config =>
        {
            foreach (var (key, value) in config["pretrained_cfg"]!.AsObject().ToList()) config[key] = value?.DeepClone();
            config.AsObject().Remove("pretrained_cfg");
        });
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Plain}/expected.safetensors"));
        Assert.All(Verification.Compare(model, expected), row => Assert.True(row.Passed, row.Key));
    }

    [Theory]
    [InlineData("block_fn", "\"ResPostBlock\"")]
    [InlineData("attn_layer", "\"diff\"")]
    [InlineData("mlp_layer", "\"GluMlp\"")]
    [InlineData("norm_layer", "\"batchnorm\"")]
    [InlineData("pos_embed", "\"rope\"")]
    [InlineData("global_pool", "\"prr\"")]
    [InlineData("dynamic_img_pad", "true")]
    [InlineData("some_scale", "0.5")]
    public void What_is_not_built_is_refused_by_name(string key, string value)
    {
        using var copy = new CheckpointCopy(Plain, config => config["model_args"]![key] = JsonNode.Parse(value));
        Assert.Contains(key, copy.Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("avg", false)]
    [InlineData("avg", true)]
    [InlineData("max", false)]
    [InlineData("avgmax", false)]
    public void Pooling_reads_the_tokens_that_the_arguments_name(string pool, bool prefix)
    {
        using var copy = new CheckpointCopy(Plain, config =>
        {
            var arguments = config["model_args"]!;
            (arguments["global_pool"], arguments["pool_include_prefix"], arguments["fc_norm"]) = (pool, prefix, false);
        });
        using var model = copy.Load();
        using var expected = TensorSource.Open(Fixture.Path($"models/{Plain}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty);
        var features = expected.Get("forward_features").ToTensor();
        var tokens = prefix ? features : features.narrow(1, 1, 16);
        var wanted = pool switch { "avg" => tokens.mean([1]), "max" => tokens.amax([1]), _ => (tokens.amax([1]) + tokens.mean([1])) / 2 };
        Close.Check("pooled", recording.Outputs["pre_logits"], wanted);
    }

    [Fact]
    public void A_distilled_model_averages_both_classifiers()
    {
        using var scope = NewDisposeScope();
        using var copy = new CheckpointCopy(Plain, config => config["architecture"] = "deit_base_distilled_patch16_224", tensors => tensors.Select(tensor => tensor.Name == "pos_embed"
                ? cat([tensor.ToTensor().narrow(1, 0, 1), tensor.ToTensor()], 1).ToStored("pos_embed") : tensor)
            .Concat([randn(1, 1, 18).ToStored("dist_token"), randn(6, 18).ToStored("head_dist.weight"), randn(6).ToStored("head_dist.bias")]));
        using var model = copy.Load();
        using var source = TensorSource.Open(Path.Combine(copy.Path, "model.safetensors"));
        using var recording = model.Run(randn(2, 3, 32, 32), HookPlan.Empty);
        var features = recording.Outputs["forward_features"];
        Tensor Classified(string head, int token) => features.select(1, token).matmul(source.Get(head + ".weight").ToTensor().t()) + source.Get(head + ".bias").ToTensor();
        Assert.Equal([2L, 18, 18], features.shape);
        Close.Check("logits", recording.Outputs["logits"], (Classified("head", 0) + Classified("head_dist", 1)) / 2);
        Close.Check("pre_logits", recording.Outputs["pre_logits"], (features.select(1, 0) + features.select(1, 1)) / 2);
    }

    [Fact]
    public void A_gated_mlp_reads_a_packed_or_a_separate_gate_alike()
    {
        using var scope = NewDisposeScope();
        static IEnumerable<StoredTensor> Gated(IEnumerable<StoredTensor> tensors, bool separate)
        {
            using var generator = new Generator(4);
            foreach (var tensor in tensors.Where(tensor => !tensor.Name.Contains(".mlp.", StringComparison.Ordinal))) yield return tensor;
            foreach (var block in new[] { 0, 1 })
            {
                var (gate, up, outOf) = (randn([18, 18], generator: generator), randn([18, 18], generator: generator), randn([18, 18], generator: generator));
                var mlp = $"blocks.{block}.mlp.";
                yield return outOf.ToStored(mlp + "fc2.weight");
                yield return zeros(18).ToStored(mlp + "fc2.bias");
                if (!separate)
                {
                    yield return cat([gate, up], 0).ToStored(mlp + "fc1.weight");
                    yield return ones(36).ToStored(mlp + "fc1.bias");
                    continue;
                }
                yield return gate.ToStored(mlp + "fc1_g.weight");
                yield return up.ToStored(mlp + "fc1_x.weight");
                yield return ones(18).ToStored(mlp + "fc1_g.bias");
                yield return ones(18).ToStored(mlp + "fc1_x.bias");
            }
        }
        HookedModel Load(bool separate)
        {
            using var copy = new CheckpointCopy(Plain, config =>
            {
                var arguments = config["model_args"]!;
                (arguments["mlp_layer"], arguments["mlp_ratio"], arguments["act_layer"]) = (separate ? "SwiGLU" : "SwiGLUPacked", separate ? 1.0 : 2.0, "silu");
            }, tensors => Gated(tensors, separate).ToList());
            return copy.Load();
        }
        using var packed = Load(separate: false);
        using var apart = Load(separate: true);
        var pixels = randn(1, 3, 32, 32);
        using var one = packed.Run(pixels, HookPlan.Empty.Keep("blocks.0.mlp.*"));
        using var other = apart.Run(pixels, HookPlan.Empty);
        Close.Check("logits", one.Main, other.Main);
        Close.Check("gate", one.Cache[Site.MlpPost[0]], one.Cache[Site.MlpPre[0]].silu() * one.Cache[Site.MlpPreLinear[0]]);
    }
}
