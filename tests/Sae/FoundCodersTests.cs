using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Which files are one coder, which are several, and what formats of other libraries leave open.</summary>
public sealed class FoundCodersTests
{
    [Fact]
    public void A_state_dict_without_its_module_leaves_the_selection_open()
    {
        using var folder = new TempFolder();
        File.Copy(Fixture.Path("saes/overcomplete_batchtopk/files/state_dict.pth"), folder["state_dict.pth"]);
        var message = Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message;
        Assert.Contains("--set running_threshold=VALUE", message, StringComparison.Ordinal);
        Assert.Contains("--set top_k=VALUE", message, StringComparison.Ordinal);
        using var said = CoderFile.Open(folder.Path, Set("running_threshold", "2.978205442428589"));
        using var module = CoderFile.Open(Fixture.Path("saes/overcomplete_batchtopk"));
        using var scope = NewDisposeScope();
        var x = X("overcomplete_batchtopk");
        using var got = SaeEncode.Run(said, x);
        using var want = SaeEncode.Run(module, x);
        Assert.True(got.Features.Equals(want.Features));
    }

    [Fact]
    public void Of_a_module_and_its_state_dict_the_module_is_taken_and_both_can_be_named()
    {
        var folder = Fixture.Path("saes/overcomplete_topk/files");
        using var both = CoderFile.Open(folder);
        Assert.EndsWith("model.pth", both.Card.Origin.Path, StringComparison.Ordinal);
        using var named = CoderFile.Open(Path.Combine(folder, "state_dict.pth"), Set("top_k", "4"));
        Assert.Equal(4, Assert.IsType<TopKCoder>(named).K);
    }

    [Fact]
    public void A_set_is_one_coder_and_each_layer_can_be_named()
    {
        var folder = Fixture.Path("saes/circuit_tracer_plt_relu_skip/files");
        using var set = Assert.IsType<TranscoderSet>(CoderFile.OpenAny(folder));
        Assert.Equal(3, set.Layers.Count);
        Assert.Equal([Site.Ln2Normalized[0], Site.Ln2Normalized[1], Site.Ln2Normalized[2]], set.Card.Reads);
        Assert.Equal([Site.MlpOut[0], Site.MlpOut[1], Site.MlpOut[2]], set.Card.Writes);
        using var layer = CoderFile.Open(Path.Combine(folder, "layer_1.safetensors"));
        Assert.Equal([Site.Ln2Normalized[1]], layer.Card.Reads);
        using var scope = NewDisposeScope();
        using var expected = TensorSource.Open(Fixture.Path("saes/circuit_tracer_plt_relu_skip/expected.safetensors"));
        using var encoded = SaeEncode.Run(layer, expected.Get("x").ToTensor().select(0, 1));
        Close.Check("layer 1", encoded.Prediction, expected.Get("x_hat").ToTensor().select(0, 1));
        Assert.Contains("several places", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_without_a_configuration_are_several_coders()
    {
        using var folder = new TempFolder();
        for (var layer = 0; layer < 2; layer++)
            File.Copy(Fixture.Path($"saes/circuit_tracer_plt_relu/files/layer_{layer}.safetensors"), folder[$"layer_{layer}.safetensors"]);
        Assert.Contains("2 coders", Assert.Throws<CheckpointException>(() => CoderFile.OpenAny(folder.Path)).Message, StringComparison.Ordinal);
        using var one = CoderFile.Open(folder["layer_0.safetensors"]);
        Assert.Contains(one.Card.Origin.ByFormat, note => note.StartsWith("activation = relu", StringComparison.Ordinal));
    }

    [Fact]
    public void A_listed_layer_that_is_not_there_is_named()
    {
        using var folder = new TempFolder();
        Copy("circuit_tracer_v0_relu_skip", folder.Path);
        File.Delete(folder["layer_1.safetensors"]);
        Assert.Contains("layer_1.safetensors", Assert.Throws<CheckpointException>(() => CoderFile.OpenAny(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transcoder_set_of_another_number_of_layers_is_refused()
    {
        using var scope = NewDisposeScope();
        using var set = CoderFile.OpenAny(Fixture.Path("saes/circuit_tracer_plt_relu"));
        Assert.Contains("3 layers", Assert.Throws<ShapeException>(() => set.Encode(randn(2, 6, 8))).Message, StringComparison.Ordinal);
        using var cross = CoderFile.OpenAny(Fixture.Path("saes/dictionary_learning_crosscoder_sae"));
        Assert.Contains("2 places of 8", Assert.Throws<ShapeException>(() => cross.Encode(randn(6, 3, 8))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sparsify_sae", "layers.10/cfg.json", "\"k\": 4", "\"k\": null", "--set k=VALUE")]
    [InlineData("sdxl_unbox", "unet.down_blocks.2.attentions.1_k4_hidden28_auxk8_bs4096_lr0.0001/final/config.json", "\"k\": 4", "\"k\": null", "--set k=VALUE")]
    [InlineData("circuit_tracer_plt_topk", "config.yaml", "k: 4", "", "--set k=VALUE")]
    [InlineData("llama_scope", "Llama3_1-8B-Base-L6R-8x/hyperparams.json", "\"in\": 2.9,", "", "--set dataset_average_activation_norm.in=VALUE")]
    public void What_a_file_leaves_open_is_asked_for(string name, string file, string from, string into, string asked)
    {
        using var folder = new TempFolder();
        Copy(name, folder.Path);
        var path = folder[file];
        var text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, into, StringComparison.Ordinal));
        Assert.Contains(asked, Assert.Throws<CheckpointException>(() => CoderFile.OpenAny(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Top_k_and_batch_top_k_of_dictionary_learning_need_the_class()
    {
        using var folder = new TempFolder();
        File.Copy(Fixture.Path("saes/dictionary_learning_BatchTopKSAE/files/ae.pt"), folder["ae.pt"]);
        Assert.Contains("--set dict_class=VALUE", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message, StringComparison.Ordinal);
        using var coder = CoderFile.Open(folder.Path, Set("dict_class", "BatchTopKSAE"));
        Assert.Equal(4, Assert.IsType<BatchTopKCoder>(coder).K);
    }

    [Fact]
    public void A_convention_of_another_class_is_refused() =>
        Assert.Contains("GatedAutoEncoder", Assert.Throws<OptionsException>(
            () => CoderFile.Open(Fixture.Path("saes/dictionary_learning_GatedAutoEncoder"), new CoderOptions { Convention = "raw" })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("sparsify_sae", "blocks.10.hook_resid_post", "blocks.10.hook_resid_post")]
    [InlineData("sparsify_sae_bf16", "hook_embed", "hook_embed")]
    [InlineData("sparsify_transcoder", "blocks.5.mlp.hook_in", "blocks.5.mlp.hook_out")]
    [InlineData("goodfire_deepseek_r1", "blocks.19.hook_resid_post", "blocks.19.hook_resid_post")]
    [InlineData("mwhanna_transcoder", "blocks.3.mlp.hook_in", "blocks.3.hook_mlp_out")]
    [InlineData("llama_scope_r1_distill", "blocks.15.hook_resid_post", "blocks.15.hook_resid_post")]
    [InlineData("connor_rob_hook_z", "blocks.5.attn.hook_z", "blocks.5.attn.hook_z")]
    public void Places_are_read_from_names(string name, string reads, string writes)
    {
        using var coder = CoderFile.Open(Fixture.Path($"saes/{name}"));
        Assert.Equal((reads, writes), (coder.Card.Reads.Single().ToString(), coder.Card.Writes.Single().ToString()));
    }

    [Fact]
    public void Gemma_scope_tells_its_place_by_the_path()
    {
        using var folder = new TempFolder();
        foreach (var (repository, reads, writes) in new[]
            {
                ("gemma-scope-2b-pt-res", Site.ResidPost[20], Site.ResidPost[20]), ("gemma-scope-2b-pt-att", Site.Z[20], Site.Z[20]),
                ("gemma-scope-2b-pt-transcoders", Site.Ln2Normalized[20], Site.MlpOut[20]),
            })
        {
            var to = folder[$"models--google--{repository}/layer_20/width_16k/average_l0_71"];
            Directory.CreateDirectory(to);
            File.Copy(Fixture.Path("saes/gemma_scope_res/files/layer_20/width_16k/average_l0_71/params.npz"), Path.Combine(to, "params.npz"));
            using var coder = CoderFile.Open(to);
            Assert.Equal((reads, writes, "gemma-2-2b"), (coder.Card.Reads.Single(), coder.Card.Writes.Single(), coder.Card.Origin.ModelName));
            Assert.Contains(coder.Card.Origin.ByFormat, note => note.StartsWith("embedding = false", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_features_usually_do_is_known_and_changes_nothing()
    {
        using var scope = NewDisposeScope();
        using var coder = CoderFile.Open(Fixture.Path("saes/sdxl_unbox"));
        using var expected = TensorSource.Open(Fixture.Path("saes/sdxl_unbox/expected.safetensors"));
        Assert.Equal(expected.Get("mean").ToDoubles().Select(value => (float)value), coder.Card.Statistics!.Mean);
        Assert.Equal(expected.Get("std").ToDoubles().Select(value => (float)value), coder.Card.Statistics.Deviation);
        Assert.Equal("unet.down_blocks.2.attentions.1.hook_update", coder.Card.Origin.HookName);
    }

    [Fact]
    public void The_published_statistics_of_a_block_are_read_exactly()
    {
        var folder = Fixture.Path("saes/sdxl_unbox_real_stats/files/unet.down_blocks.2.attentions.1_k10_hidden5120_auxk256_bs4096_lr0.0001/final");
        using var expected = TensorSource.Open(Fixture.Path("saes/sdxl_unbox_real_stats/expected.safetensors"));
        foreach (var name in new[] { "mean", "std" })
        {
            using var source = TensorSource.Open(Path.Combine(folder, name + ".pt"));
            var values = source.Single().ToDoubles();
            Assert.Equal(5120, values.Length);
            Assert.Equal(expected.Get(name + ".every40").ToDoubles(), values.Where((_, at) => at % 40 == 0));
            Assert.Equal(expected.Get(name + ".sum").ToScalar(), values.Sum(), 1e-12 * Math.Abs(values.Sum()));
        }
    }

    // Each file of each coder cut in half, emptied and taken away: a sentence, or the coder all the same, and never anything else.
    [Theory, MemberData(nameof(EncodeParityTests.Cases), MemberType = typeof(EncodeParityTests))]
    public void Damaged_and_missing_files_are_refused_by_name(string name)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        Copy(name, folder.Path);
        // Files that are coders by themselves: two copies of one, or the layers that a list holds together.
        var apart = name.StartsWith("overcomplete", StringComparison.Ordinal) || name == "circuit_tracer_plt_gemmascope_npz";
        var refused = 0;
        foreach (var file in Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories))
        {
            var content = File.ReadAllBytes(file);
            foreach (var damaged in new[] { content[..(content.Length / 2)], [], null })
            {
                if (damaged is null) File.Delete(file);
                else File.WriteAllBytes(file, damaged);
                if (Record.Exception(() => CoderFile.OpenAny(folder.Path).Dispose()) is not { } error) continue;
                Assert.IsAssignableFrom<PrismaException>(error);
                Assert.Contains(damaged is null || apart ? folder.Path : Path.GetFileName(file), error.Message, StringComparison.Ordinal);
                refused++;
            }
            File.WriteAllBytes(file, content);
        }
        Assert.True(refused > 0 || apart, "nothing was refused");
    }

    [Theory]
    [InlineData("gemma_scope_res")]
    [InlineData("openai_v5_topk")]
    [InlineData("sparsify_sae")]
    [InlineData("goodfire_deepseek_r1")]
    [InlineData("llama_scope")]
    public void Sparse_coders_stay_sparse_and_others_open_by_the_file_that_a_search_finds(string name)
    {
        using var scope = NewDisposeScope();
        using var found = CoderFile.Open(Fixture.Path($"saes/{name}"));
        using var named = CoderFile.Open(found.Card.Origin.Path);
        var x = X(name);
        using var a = found.Encode(x);
        using var b = named.Encode(x);
        Assert.True(a.ToDense().Equals(b.ToDense()));
        if (found is TopKCoder) Assert.IsType<SparseCodes>(a);
    }

    [Fact]
    public void Slices_and_joined_codes_are_the_rows_they_were()
    {
        using var scope = NewDisposeScope();
        var dense = Toy.Matrix([[0, 1, 0], [2, 0, 3], [0, 0, 0], [4, 5, 6]]);
        foreach (var codes in new Codes[] { SparseCodes.FromDense(dense), new DenseCodes(dense.clone()) })
        {
            using var all = codes;
            using var head = all.Slice(0, 1);
            using var tail = all.Slice(1, 3);
            using var joined = Codes.Concat([head, tail]);
            Assert.IsType(all.GetType(), joined);
            Assert.True(tail.ToDense().Equals(dense.narrow(0, 1, 3)));
            Assert.True(joined.ToDense().Equals(dense));
            Assert.True(joined.Times(eye(3)).Equals(dense));
            Assert.Throws<ShapeException>(() => all.Slice(2, 3));
        }
    }

    private static CoderOptions Set(string key, string value) => new() { Set = new Dictionary<string, string> { [key] = value } };

    private static Tensor X(string name)
    {
        using var expected = TensorSource.Open(Fixture.Path($"saes/{name}/expected.safetensors"));
        return expected.Get("x").ToTensor();
    }

    private static void Copy(string name, string to)
    {
        var from = Fixture.Path($"saes/{name}/files");
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
