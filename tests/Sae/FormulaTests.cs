using System.Text;
using Prisma.Core;
using Prisma.Sae;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Formats of which no published fixture is committed: files made here, compared with the format's formula written out.</summary>
public sealed class FormulaTests : IDisposable
{
    private const int Width = 6;
    private const int Features = 10;

    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Generator _generator = new(5);

    public void Dispose()
    {
        _generator.Dispose();
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Group_sae_multiplies_inputs_by_the_factor_of_the_place()
    {
        var (encoder, bias, decoder, b) = (Random(Features, Width), Random(Features), Random(Features, Width), Random(Width));
        Put("run/layers.3/cfg.json", """{"activation": "topk", "k": 3, "num_latents": 10, "d_in": 6}""");
        Safetensors.Write(_folder["run/layers.3/sae.safetensors"], [("encoder.weight", encoder), ("encoder.bias", bias), ("W_dec", decoder), ("b_dec", b)]);
        TorchArchive.Write(_folder["run/scaling_factors.pt"], [("layers.2", tensor(7f)), ("layers.3", tensor(2.5f))]);
        var x = Random(5, Width);
        var codes = TopK((x * 2.5 - b).matmul(encoder.t()) + bias, 3).relu();
        Check(x, codes, (codes.matmul(decoder) + b) / 2.5);
    }

    [Fact]
    public void A_place_without_a_factor_is_asked_for()
    {
        Put("k3-c0/cfg.json", """{"activation": "topk", "k": 3, "d_in": 6}""");
        Safetensors.Write(_folder["k3-c0/sae.safetensors"], [("encoder.weight", Random(Features, Width)), ("encoder.bias", Random(Features)), ("W_dec", Random(Features, Width)), ("b_dec", Random(Width))]);
        TorchArchive.Write(_folder["scaling_factors.pt"], [("layers.2", tensor(7f))]);
        Assert.Contains("--set hookpoint=VALUE", Assert.Throws<CheckpointException>(() => CoderFile.Open(_folder.Path)).Message, StringComparison.Ordinal);
        using var coder = CoderFile.Open(_folder.Path, new CoderOptions { Set = new Dictionary<string, string> { ["hookpoint"] = "layers.2" } });
        Assert.Contains(coder.Card.Origin.ByFormat, note => note.StartsWith("scaling_factor = 7", StringComparison.Ordinal));
    }

    [Fact]
    public void Early_signed_sparsify_coders_rank_by_magnitude()
    {
        var (encoder, bias, decoder, b) = (Random(Features, Width), Random(Features), Random(Features, Width), Random(Width));
        Put("cfg.json", """{"k": 4, "signed": true, "d_in": 6, "num_latents": 10}""");
        Safetensors.Write(_folder["sae.safetensors"], [("_orig_mod.encoder.weight", encoder), ("encoder.bias", bias), ("W_dec", decoder), ("b_dec", b)]);
        var x = Random(5, Width);
        var pre = (x - b).matmul(encoder.t()) + bias;
        var codes = pre * TopK(pre.abs(), 4).ne(0);
        Check(x, codes, codes.matmul(decoder) + b);
    }

    [Theory]
    [InlineData("topk", false)]
    [InlineData("vanilla", true)]
    public void Top_k_kinds_of_the_BatchTopK_repository_do_not_use_the_bias(string type, bool unitNorm)
    {
        var (encoder, bias, decoder, b) = (Random(Width, Features), Random(Features), Random(Features, Width), Random(Width));
        Put("config.json", $$"""{"sae_type": "{{type}}", "act_size": 6, "dict_size": 10, "top_k": 2, "input_unit_norm": {{(unitNorm ? "true" : "false")}} }""");
        TorchArchive.Write(_folder["sae.pt"], [("b_dec", b), ("b_enc", bias), ("W_enc", encoder), ("W_dec", decoder)]);
        var x = Random(5, Width);
        var mean = x.mean([-1], keepdim: true);
        var std = x.std(-1, keepdim: true);
        var input = unitNorm ? (x - mean) / (std + 1e-5) : x;
        var codes = type == "topk" ? TopK((input - b).matmul(encoder).relu(), 2) : ((input - b).matmul(encoder) + bias).relu();
        var prediction = codes.matmul(decoder) + b;
        Check(x, codes, unitNorm ? prediction * std + mean : prediction);
    }

    [Fact]
    public void End_to_end_coders_normalise_the_decoder_and_lie_together()
    {
        var tensors = new List<(string, Tensor)>();
        var (encoder, bias, decoder, b) = (Random(Features, Width), Random(Features), Random(Width, Features), Random(Width));
        tensors.AddRange([("blocks-6-hook_resid_pre.encoder.0.weight", encoder), ("blocks-6-hook_resid_pre.encoder.0.bias", bias), ("blocks-6-hook_resid_pre.decoder.weight", decoder), ("blocks-6-hook_resid_pre.decoder.bias", b)]);
        TorchArchive.Write(_folder["one/samples_100.pt"], [.. tensors.Select(pair => (pair.Item1, pair.Item2 * 2))]);
        TorchArchive.Write(_folder["one/samples_2000.pt"], tensors);
        var x = Random(5, Width);
        var codes = (x.matmul(encoder.t()) + bias).relu();
        Check(x, codes, codes.matmul((decoder / decoder.norm(0, keepdim: true)).t()) + b);
        tensors.AddRange(tensors.Select(pair => (pair.Item1.Replace("6", "2", StringComparison.Ordinal), pair.Item2)).ToList());
        TorchArchive.Write(_folder["two/samples_7.pt"], tensors);
        Assert.Contains("--set place=VALUE", Assert.Throws<CheckpointException>(() => CoderFile.Open(_folder["two"])).Message, StringComparison.Ordinal);
        using var chosen = CoderFile.Open(_folder["two"], new CoderOptions { Set = new Dictionary<string, string> { ["place"] = "blocks.2.hook_resid_pre" } });
        Assert.Equal([Site.ResidPre[2]], chosen.Card.Reads);
    }

    [Theory]
    [InlineData("10_6_ReLU_0.03_False_False_0.0_cc3m.pth", null)]
    [InlineData("10_6_TopKReLU_3_RW_False_False_0.5_cc3m.pth", null)]
    [InlineData("10_6_TopKReLU_3_UW_False_False_0_cc3m.pth", "full")]
    public void Msae_reads_its_file_name_and_folds_the_preprocessing(string file, string? convention)
    {
        var (bias, encoder, latent, decoder, mean) = (Random(Width), Random(Width, Features), Random(Features), Random(Features, Width), Random(Width));
        TorchArchive.Write(
            _folder[file],
            [("model.pre_bias", bias), ("model.encoder", encoder), ("model.latent_bias", latent), ("model.decoder", decoder), ("mean_center", mean), ("scaling_factor", tensor(1.7f))]);
        var x = Random(5, Width);
        var pre = ((x - mean) * 1.7 - bias).matmul(encoder) + latent;
        var codes = file.Contains("TopK", StringComparison.Ordinal) && convention is null ? TopK(pre, 3).relu() : pre.relu();
        if (file.Contains("_0.5_", StringComparison.Ordinal)) codes = (codes / 0.5).tanh() * 0.5;
        Check(x, codes, (codes.matmul(decoder) + bias) / 1.7 + mean, new CoderOptions { Convention = convention });
    }

    [Fact]
    public void Itda_codes_come_from_matching_pursuit()
    {
        var atoms = Random(Features, Width);
        atoms = atoms / atoms.norm(1, keepdim: true);
        TorchArchive.Write(_folder["atoms.pt"], [("atoms", atoms)]);
        Put("metadata.yaml", "k: 5\nlayer: 4\nlm_name: gpt2\n");
        var x = Random(7, Width);
        var (residual, codes) = (x, zeros(7, Features));
        for (var round = 0; round < 5; round++)
        {
            var products = residual.matmul(atoms.t());
            var best = products.abs().argmax(1, keepdim: true);
            var amount = products.gather(1, best);
            codes = codes + zeros(7, Features).scatter(1, best, amount);
            residual = residual - atoms.index_select(0, best.squeeze(1)) * amount;
        }
        Check(x, codes, codes.matmul(atoms));
    }

    [Theory]
    [InlineData("relu")]
    [InlineData("jumprelu")]
    [InlineData("topk")]
    public void Llamascopium_selects_by_the_written_length_and_folds_the_dataset_norm(string activation)
    {
        var (encoder, bias, decoder, b, log) = (Random(Width, Features), Random(Features), Random(Features, Width), Random(Width), Random(Features) * 0.3);
        Put("config.json", $$"""{"act_fn": "{{activation}}", "top_k": 3, "d_model": 6, "hook_point_in": "blocks.2.hook_mlp_in", "hook_point_out": "blocks.2.hook_mlp_out", "norm_activation": "dataset-wise"}""");
        var tensors = new List<(string, Tensor)>
        {
            ("W_E", encoder), ("b_E", bias), ("W_D", decoder), ("b_D", b),
            ("dataset_average_activation_norm.blocks.2.hook_mlp_in", tensor(3f)), ("dataset_average_activation_norm.blocks.2.hook_mlp_out", tensor(5f)),
        };
        if (activation == "jumprelu") tensors.Add(("activation_function.log_jumprelu_threshold", log));
        Safetensors.Write(_folder["sae_weights.safetensors"], tensors);
        var (scaleIn, scaleOut) = (Math.Sqrt(Width) / 3, Math.Sqrt(Width) / 5);
        var written = decoder * (scaleIn / scaleOut);
        var norms = written.norm(1);
        var x = Random(5, Width);
        var ranked = (x.matmul(encoder) + bias / scaleIn) * norms;
        var kept = activation switch
        {
            "relu" => ranked.relu(),
            "topk" => TopK(ranked.relu(), 3),
            _ => ranked * ranked.gt(log.exp()),
        };
        var codes = kept / norms;
        Check(x, codes, codes.matmul(written) + b / scaleOut);
    }

    [Fact]
    public void A_cross_layer_transcoder_of_llamascopium_writes_to_all_later_layers()
    {
        const int Layers = 3;
        Put("config.json", """{"act_fn": "jumprelu", "norm_activation": "inference", "hook_points_in": ["blocks.0.ln2.hook_normalized", "blocks.1.ln2.hook_normalized", "blocks.2.ln2.hook_normalized"], "hook_points_out": ["blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out", "blocks.2.hook_mlp_out"]}""");
        var (encoder, bias, log) = (Random(Layers, Width, Features), Random(Layers, Features), Random(Layers, Features) * 0.3);
        var decoders = Enumerable.Range(0, Layers).Select(to => Random(to + 1, Features, Width)).ToArray();
        var biases = Enumerable.Range(0, Layers).Select(_ => Random(Width)).ToArray();
        Safetensors.Write(
            _folder["sae_weights.safetensors"],
            [("W_E", encoder), ("b_E", bias), ("activation_function.log_jumprelu_threshold", log), .. decoders.Select((decoder, to) => ($"W_D.{to}", decoder)), .. biases.Select((b, to) => ($"b_D.{to}", b))]);
        var x = Random(Layers, 4, Width);
        var codes = new List<Tensor>();
        for (var layer = 0; layer < Layers; layer++)
        {
            var norm = zeros(Features);
            for (var to = layer; to < Layers; to++) norm = norm + decoders[to].select(0, layer).square().sum(1);
            norm = norm.sqrt();
            var ranked = (x.select(0, layer).matmul(encoder.select(0, layer)) + bias.select(0, layer)) * norm;
            codes.Add(ranked * ranked.gt(log.select(0, layer).exp()) / norm);
        }
        var predictions = Enumerable.Range(0, Layers).Select(to =>
        {
            var sum = biases[to].expand(4, Width).clone();
            for (var from = 0; from <= to; from++) sum = sum + codes[from].matmul(decoders[to].select(0, from));
            return sum;
        });
        Check(x, stack(codes), stack(predictions.ToList()));
    }

    [Fact]
    public void A_crosscoder_of_llamascopium_keeps_features_for_each_site_apart()
    {
        const int Sites = 2;
        Put("config.json", """{"act_fn": "jumprelu", "norm_activation": "inference", "hook_points": ["blocks.1.hook_resid_post", "blocks.2.hook_resid_post"]}""");
        var (encoder, bias, decoder, b, log) = (Random(Sites, Width, Features), Random(Sites, Features), Random(Sites, Features, Width), Random(Sites, Width), Random(Features) * 0.3);
        Safetensors.Write(_folder["sae_weights.safetensors"], [("W_E", encoder), ("b_E", bias), ("W_D", decoder), ("b_D", b), ("activation_function.log_jumprelu_threshold", log)]);
        var x = Random(5, Sites, Width);
        var shared = einsum("rsd,sdf->rf", x, encoder) + bias.sum(0L);
        var norms = decoder.norm(2);
        var ranked = shared.unsqueeze(1) * norms;
        var codes = ranked * ranked.gt(log.exp()) / norms;
        Check(x, codes, einsum("rsf,sfd->rsd", codes, decoder) + b);
        using var coder = CoderFile.OpenAny(_folder.Path);
        Assert.Equal([Site.ResidPost[1], Site.ResidPost[2]], coder.Card.Reads);
    }

    [Fact]
    public void A_cross_layer_transcoder_of_gemma_scope_2_uses_its_last_layer_too()
    {
        const int Layers = 2;
        var encoders = Enumerable.Range(0, Layers).Select(_ => Random(Width, Features)).ToArray();
        var decoders = Enumerable.Range(0, Layers).Select(_ => Random(Features, Layers, Width)).ToArray();
        var (bias, b, thresholds, skip) = (Random(Layers, Features), Random(Layers, Width), Random(Layers, Features).abs(), Random(Layers, Width, Width));
        for (var layer = 0; layer < Layers; layer++)
        {
            Safetensors.Write(
                _folder[$"clt/params_layer_{layer}.safetensors"],
                [
                    ("w_enc", encoders[layer]), ("w_dec", decoders[layer]), ("b_enc", bias.select(0, layer)), ("b_dec", b.select(0, layer)),
                    ("threshold", thresholds.select(0, layer)), ("affine_skip_connection", skip.select(0, layer)),
                ]);
        }
        var x = Random(Layers, 4, Width);
        var pre = Enumerable.Range(0, Layers).Select(layer => x.select(0, layer).matmul(encoders[layer]) + bias.select(0, layer)).ToArray();
        var codes = pre.Select((value, layer) => value * value.gt(thresholds.select(0, layer))).ToArray();
        var first = codes[0].matmul(decoders[0].select(1, 0)) + b.select(0, 0) + x.select(0, 0).matmul(skip.select(0, 0));
        var second = codes[0].matmul(decoders[0].select(1, 1)) + codes[1].matmul(decoders[1].select(1, 1)) + b.select(0, 1) + x.select(0, 1).matmul(skip.select(0, 1));
        Check(x, stack(codes), stack([first, second]));
    }

    [Fact]
    public void Archetypal_dictionaries_are_convex_combinations_and_a_bounded_relaxation()
    {
        var (encoder, bias, candidates, shares, relaxation) = (Random(Features, Width), Random(Features), Random(4, Width), Random(Features, 4), Random(Features, Width));
        TorchArchive.Write(
            _folder["state_dict.pth"],
            [
                ("encoder.final_block.0.weight", encoder), ("encoder.final_block.0.bias", bias), ("dictionary.C", candidates), ("dictionary.W", shares),
                ("dictionary.Relax", relaxation), ("dictionary.multiplier", tensor(0.4f)),
            ]);
        var rows = shares.relu();
        rows = rows / (rows.sum(1, keepdim: true) + 1e-8);
        var dictionary = (rows.matmul(candidates) + relaxation * (1 / relaxation.norm(1, keepdim: true)).clamp(max: 1)) * Math.Exp(0.4);
        var x = Random(5, Width);
        var codes = TopK((x.matmul(encoder.t()) + bias).relu(), 3);
        Check(x, codes, codes.matmul(dictionary), new CoderOptions { Set = new Dictionary<string, string> { ["top_k"] = "3" } });
    }

    [Theory]
    [InlineData("""{"schema": 5, "cfg": {"d_model": 6, "activation": {"cls": "TopK", "params": {"top_k": 3}}}}""", 3, false)]
    [InlineData("""{"schema": 1, "cls": "Relu", "cfg": {"d_vit": 6}}""", null, true)]
    [InlineData("""{"d_vit": 6, "exp_factor": 2}""", null, true)]
    public void Saev_says_what_it_is_in_a_line_before_the_archive(string header, int? k, bool subtracts)
    {
        var (encoder, bias, decoder, b) = (Random(Width, Features), Random(Features), Random(Features, Width), Random(Width));
        TorchArchive.Write(_folder["plain.pt"], [("W_dec", decoder), ("b_dec", b), ("W_enc", encoder), ("b_enc", bias)]);
        File.WriteAllBytes(_folder["sae.pt"], [.. Encoding.UTF8.GetBytes(header + "\n"), .. File.ReadAllBytes(_folder["plain.pt"])]);
        File.Delete(_folder["plain.pt"]);
        var x = Random(5, Width);
        var pre = (subtracts ? x - b : x).matmul(encoder) + bias;
        var codes = k is { } kept ? TopK(pre, kept) : pre.relu();
        Check(x, codes, codes.matmul(decoder) + b);
    }

    [Fact]
    public void A_plain_state_dict_is_read_when_everything_it_leaves_open_is_said()
    {
        var (encoder, bias, decoder, b) = (Random(Features, Width), Random(Features), Random(Width, Features), Random(Width));
        TorchArchive.Write(_folder["sae.pt"], [("b_dec", b), ("W_enc", encoder), ("b_enc", bias), ("W_dec", decoder)]);
        var message = Assert.Throws<CheckpointException>(() => CoderFile.Open(_folder.Path)).Message;
        foreach (var key in new[] { "--set activation=relu|", "--set apply_b_dec_to_input=true|false", "--set normalize_activations=none|" })
            Assert.Contains(key, message, StringComparison.Ordinal);
        var x = Random(5, Width);
        var codes = ((x - b).matmul(encoder.t()) + bias).relu();
        var said = new Dictionary<string, string> { ["activation"] = "relu", ["apply_b_dec_to_input"] = "true", ["normalize_activations"] = "none" };
        Check(x, codes, codes.matmul(decoder.t()) + b, new CoderOptions { Set = said });
    }

    [Fact]
    public void A_normaliser_of_a_fork_is_folded()
    {
        var (encoder, bias, decoder, b, mean, std) = (Random(Features, Width), Random(Features), Random(Width, Features), Random(Width), Random(Width), Random(Width).abs());
        Safetensors.Write(
            _folder["model.safetensors"],
            [
                ("encoder.weight", encoder), ("encoder.bias", bias), ("decoder.weight", decoder), ("b_dec", b), ("k", tensor(2L)), ("threshold", tensor(0.5f)),
                ("activation_mean", mean), ("activation_std", std), ("activation_global_scale", tensor(1.5f)), ("target_rms", tensor(1f)),
            ]);
        var x = Random(5, Width);
        var positive = (((x - mean) * 1.5 - b).matmul(encoder.t()) + bias).relu();
        var codes = positive * positive.gt(0.5);
        Check(x, codes, (codes.matmul(decoder.t()) + b) / (1.5 + 1e-8) + mean);
    }

    [Fact]
    public void Yaml_that_is_no_configuration_is_refused()
    {
        File.Copy(Fixture.Path("saes/circuit_tracer_plt_relu/files/layer_0.safetensors"), _folder["layer_0.safetensors"]);
        Put("config.yaml", "a: " + new string('[', 100_000));
        Assert.Contains("levels deep", Assert.Throws<CheckpointException>(() => CoderFile.OpenAny(_folder.Path)).Message, StringComparison.Ordinal);
        Put("config.yaml", "model_kind: [unclosed");
        Assert.Contains("no valid YAML", Assert.Throws<CheckpointException>(() => CoderFile.OpenAny(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_precision_and_wrapped_names_are_read_in_float32()
    {
        var (encoder, bias, decoder, b) = (Random(Features, Width).to(float16), Random(Features).to(float16), Random(Width, Features).to(bfloat16), Random(Width).to(float16));
        Safetensors.Write(
            _folder["ae.safetensors"],
            [("module.encoder.weight", encoder), ("module.encoder.bias", bias), ("module.decoder.weight", decoder), ("module.bias", b)]);
        var x = Random(5, Width);
        var codes = ((x - b.to(float32)).matmul(encoder.to(float32).t()) + bias.to(float32)).relu();
        Check(x, codes, codes.matmul(decoder.to(float32).t()) + b.to(float32), new CoderOptions { Convention = "raw" });
    }

    private void Check(Tensor x, Tensor codes, Tensor prediction, CoderOptions? options = null)
    {
        using var coder = CoderFile.OpenAny(Directory.Exists(_folder["run"]) ? _folder["run"] : Directory.Exists(_folder["one"]) ? _folder["one"] : _folder.Path, options);
        using var encoded = SaeEncode.Run(coder, x);
        Assert.True(codes.ne(0).any().item<bool>() && !codes.ne(0).all().item<bool>(), "the case tells nothing");
        Close.Check("features", encoded.Features, codes, atol: 1e-5 * codes.abs().max().item<float>());
        Assert.True(encoded.Features.ne(0).Equals(codes.ne(0)), "other features are active");
        Close.Check("x_hat", encoded.Prediction, prediction, atol: 1e-5 * prediction.abs().max().item<float>());
    }

    private Tensor Random(params long[] shape) => randn(shape, generator: _generator);

    private void Put(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        _folder.Put(name, Encoding.UTF8.GetBytes(text));
    }

    private static Tensor TopK(Tensor values, int k)
    {
        var (kept, places) = values.topk(k, 1);
        return values.zeros_like().scatter(1, places, kept);
    }
}
