using System.Text.Json.Nodes;
using Prisma.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>U-nets against the reference, place by place, and what of their configurations is refused.</summary>
public sealed class UnetTests : IDisposable
{
    private readonly DiffusionFixture _expected = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void Every_place_has_the_references_value()
    {
        using var unet = Models.Load(Fixture.Path("diffusion/unet"));
        using var recording = unet.Run(_expected.Input(999), HookPlan.Empty.Keep("*"));
        var compared = 0;
        foreach (var (name, place) in Places(_expected.Names))
        {
            _expected.Check(name, recording.Cache[Site.Parse(place)]);
            compared++;
        }
        Assert.Equal(29, compared);
        _expected.Check("unet.t999.out", recording.Main);
    }

    [Fact]
    public void Other_time_steps_and_sizes_give_the_references_output()
    {
        using var unet = Models.Load(Fixture.Path("diffusion/unet"));
        using var start = unet.Run(_expected.Input(0), HookPlan.Empty);
        _expected.Check("unet.t0.out", start.Main);
        using var middle = unet.Run(_expected.Input(499, "time_ids_alt"), HookPlan.Empty);
        _expected.Check("unet.t499.out", middle.Main);
    }

    [Fact]
    public void Sixteen_bits_come_near()
    {
        using var unet = Models.Catalog.Load(Fixture.Path("diffusion/unet"), dtype: ScalarType.BFloat16);
        using var recording = unet.Run(_expected.Input(999), HookPlan.Empty.Keep("*"));
        Assert.Equal(ScalarType.BFloat16, recording.Main.dtype);
        _expected.Check("unet.t999.out", recording.Main, 0.05);
    }

    [Fact]
    public void Sides_that_do_not_halve_evenly_come_back_to_their_size()
    {
        using var unet = Models.Load(Fixture.Path("diffusion/unet"));
        var input = new ModelInput();
        foreach (var (name, value) in _expected.Input(500)) input.Add(name, name == "sample" ? value.narrow(2, 0, 13).narrow(3, 0, 11) : value);
        using var recording = unet.Run(input, HookPlan.Empty);
        Assert.Equal([1L, 4, 13, 11], recording.Main.shape);
    }

    [Fact]
    public void An_update_put_back_leaves_other_cells_their_bits()
    {
        using var unet = Models.Load(Fixture.Path("diffusion/unet"));
        var at = Site.Parse("unet.up_blocks.0.attentions.0.hook_update");
        var after = Site.ModuleOut["unet.up_blocks.0.attentions.0"];
        using var plain = unet.Run(_expected.Input(999), HookPlan.Empty.Keep(after));
        using var same = unet.Run(_expected.Input(999), HookPlan.Empty.Edit(at, (value, _) => value * 1.0));
        Assert.True(same.Main.Equals(plain.Main));
        using var edited = unet.Run(_expected.Input(999), HookPlan.Empty.Keep(after).Edit(at, (value, _) =>
        {
            var changed = value.clone();
            changed.select(2, 1).select(2, 2).add_(1);
            return changed;
        }));
        var differs = edited.Cache[after].ne(plain.Cache[after]).any(1)[0];
        Assert.Equal(1, differs.sum().item<long>());
        Assert.True(differs[1, 2].item<bool>());
    }

    // Stable Diffusion 1's way to say the same: projections as 1x1 convolutions, one number of heads for all levels, nothing added to the time.
    [Fact]
    public void Another_way_to_configure_the_same_network_gives_the_same_prediction()
    {
        using var first = Variant(config => config["attention_head_dim"] = new JsonArray(2, 2, 2), (name, value) => name.StartsWith("add_embedding.linear_2", StringComparison.Ordinal) ? value.zeros_like() : value);
        using var second = Variant(config =>
        {
            config["attention_head_dim"] = 2;
            config["use_linear_projection"] = false;
            config["addition_embed_type"] = null;
            config["transformer_layers_per_block"] = new JsonArray(1, 1, 2);
            config["upcast_attention"] = true;
        }, (name, value) => name.StartsWith("add_embedding", StringComparison.Ordinal) ? null
            : name.EndsWith("proj_in.weight", StringComparison.Ordinal) || name.EndsWith("proj_out.weight", StringComparison.Ordinal) ? value.unsqueeze(-1).unsqueeze(-1) : value);
        var input = new ModelInput();
        foreach (var (name, value) in _expected.Input(700))
            if (second.InputNames.Contains(name)) input.Add(name, value);
        Assert.Equal(3, input.Count());
        using var want = first.Run(_expected.Input(700), HookPlan.Empty);
        using var got = second.Run(input, HookPlan.Empty);
        DiffusionFixture.Near("sample", got.Main, want.Main);
        using var other = Models.Load(Fixture.Path("diffusion/unet"));
        using var unlike = other.Run(_expected.Input(700), HookPlan.Empty);
        Assert.False(unlike.Main.allclose(want.Main, 1e-3, 1e-3), "the number of heads must matter");
    }

    [Theory]
    [InlineData("class_embed_type", "\"timestep\"")]
    [InlineData("num_class_embeds", "10")]
    [InlineData("dual_cross_attention", "true")]
    [InlineData("encoder_hid_dim", "64")]
    [InlineData("time_cond_proj_dim", "-1")]
    [InlineData("resnet_time_scale_shift", "\"ada_group\"")]
    [InlineData("transformer_layers_per_block", "[1, [1, 1], [2, 1]]")]
    [InlineData("transformer_layers_per_block", "[1, 2]")]
    [InlineData("transformer_layers_per_block", "[1, [], 2]")]
    [InlineData("reverse_transformer_layers_per_block", "[[2, 2], 1, 1]")]
    [InlineData("layers_per_block", "[2, 2]")]
    [InlineData("time_embedding_type", "\"fourier\"")]
    [InlineData("addition_embed_type", "\"image\"")]
    [InlineData("mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\"")]
    [InlineData("only_cross_attention", "[true, false]")]
    [InlineData("norm_num_groups", "5")]
    [InlineData("attention_head_dim", "[1, 2]")]
    [InlineData("some_new_scale", "0.5")]
    public void What_is_not_built_is_refused_by_name(string key, string value)
    {
        using var folder = new TempFolder();
        var json = JsonNode.Parse(File.ReadAllText(Fixture.Path("diffusion/unet/config.json")))!;
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(folder["config.json"], json.ToJsonString());
        File.Copy(Fixture.Path("diffusion/unet/diffusion_pytorch_model.safetensors"), folder["diffusion_pytorch_model.safetensors"]);
        var error = Assert.Throws<CheckpointException>(() => Models.Load(folder.Path));
        Assert.Contains($"'{key}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_a_16_bit_variant_only_says_so()
    {
        using var folder = new TempFolder();
        File.Copy(Fixture.Path("diffusion/unet/config.json"), folder["config.json"]);
        File.Copy(Fixture.Path("diffusion/unet/diffusion_pytorch_model.safetensors"), folder["diffusion_pytorch_model.fp16.safetensors"]);
        var error = Assert.Throws<CheckpointException>(() => Models.Load(folder.Path));
        Assert.Contains("only as diffusion_pytorch_model.fp16.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Contains("Rename it to diffusion_pytorch_model.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_that_do_not_fit_are_refused_in_a_sentence()
    {
        using var unet = Models.Load(Fixture.Path("diffusion/unet"));
        Refused("sample", zeros(1, 3, 16, 16), "expected [batch, 4, height, width]");
        Refused("sample", zeros(1, 4, 2, 16), "sides of at least 4");
        Refused("encoder_hidden_states", zeros(1, 77, 60), "expected [1, tokens, 64]");
        Refused("time_ids", zeros(1, 5), "time_ids [1, 5]");
        Refused("timestep", tensor(new long[] { 1, 2, 3 }), "timestep has 3 numbers");

        void Refused(string name, Tensor value, string sentence)
        {
            var input = new ModelInput();
            foreach (var (given, tensor) in _expected.Input(500)) input.Add(given, given == name ? value : tensor);
            Assert.Contains(sentence, Assert.Throws<ShapeException>(() => unet.Run(input, HookPlan.Empty)).Message, StringComparison.Ordinal);
        }
    }

    public void Dispose()
    {
        _scope.Dispose();
        _expected.Dispose();
    }

    private static HookedModel Variant(Action<JsonNode> config, Func<string, Tensor, Tensor?> weights)
    {
        using var folder = new TempFolder();
        var json = JsonNode.Parse(File.ReadAllText(Fixture.Path("diffusion/unet/config.json")))!;
        config(json);
        File.WriteAllText(folder["config.json"], json.ToJsonString());
        using var source = TensorSource.Open(Fixture.Path("diffusion/unet/diffusion_pytorch_model.safetensors"));
        var changed = source.Tensors.Select(stored => (stored.Name, Value: weights(stored.Name, stored.ToTensor()))).Where(pair => pair.Value is not null);
        Safetensors.Write(folder["diffusion_pytorch_model.safetensors"], changed.Select(pair => (pair.Name, pair.Value!)));
        return Models.Load(folder.Path);
    }

    /// <summary>The fixture's tensors of places, with the places.</summary>
    internal static IEnumerable<(string Name, string Place)> Places(IEnumerable<string> names) =>
        names.Where(name => name.StartsWith("unet.", StringComparison.Ordinal) && PlaceOf(name) is not null).Select(name => (name, PlaceOf(name)!));

    // The fixture's names of what these places hold.
    private static string? PlaceOf(string name)
    {
        if (name.StartsWith("unet.probe.", StringComparison.Ordinal))
            return "unet." + name["unet.probe.".Length..] + ".hook_out";
        foreach (var (ending, place) in new[] { (".input", ".hook_in"), (".output", ".hook_out"), (".diff", ".hook_update"), (".probs", ".hook_pattern") })
            if (name.EndsWith(ending, StringComparison.Ordinal)) return name[..^ending.Length] + place;
        return null;
    }
}
