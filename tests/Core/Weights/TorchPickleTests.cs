using System.Numerics;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class TorchPickleTests
{
    [Theory]
    [InlineData("legacy.pt")]
    [InlineData("zip.pt")]
    [InlineData("zip_modern.pt")]
    public void Every_layout_of_a_PyTorch_file_gives_the_same_values(string file)
    {
        using var got = (TorchPickle)TensorSource.Open(Fixtures.Find($"saes/container_pt/files/{file}"));
        using var want = TensorSource.Open(Fixtures.Find("saes/container_pt/expected.safetensors"));
        Stored.AssertSame(want, got);
        Assert.False(got.Get("transposed").IsContiguous);

        using var scalars = JsonDocument.Parse(File.ReadAllText(Fixtures.Find("saes/container_pt/case.json")));
        foreach (var scalar in scalars.RootElement.GetProperty("scalars").EnumerateObject())
        {
            var value = got.Others.Single(other => other.Key == scalar.Name).Value;
            Assert.True(JsonElement.DeepEquals(scalar.Value, JsonSerializer.SerializeToElement(value.ToJson())), scalar.Name);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Plain_pickles_of_every_protocol_give_the_same_values(int protocol)
    {
        using var source = (TorchPickle)TensorSource.Open(Fixtures.Find($"pickles/plain_protocol_{protocol}.pkl"));
        var root = source.Root;
        Assert.True(root["none"].IsNone);
        Assert.True(root["true"].AsBool());
        Assert.False(root["false"].AsBool());
        Assert.Equal([0, 200, 40000, -70000, 12345678901], new[] { "zero", "byte", "short", "int", "long" }.Select(key => root[key].AsLong()));
        Assert.Equal(BigInteger.Pow(2, 100), ((PickleScalar)root["huge"]).Value);
        Assert.Equal(-BigInteger.Pow(2, 100), ((PickleScalar)root["minus_huge"]).Value);
        Assert.Equal(-2.5, root["float"].AsDouble());
        Assert.Equal(double.PositiveInfinity, root["inf"].AsDouble());
        Assert.Equal("naïve ☃ 😀\n'quoted' \\ ", root["text"].AsString());
        Assert.Equal(Enumerable.Range(0, 256).Select(b => (byte)b), ((PickleBytes)root["bytes"]).ToArray());
        Assert.Equal("ab"u8.ToArray(), ((PickleBytes)root["bytearray"]).ToArray());
        Assert.Equal("[1,[2,[3]]]", root["list"].ToJson()!.ToJsonString());
        Assert.Equal("[1,2,3,4]", root["tuple"].ToJson()!.ToJsonString());
        Assert.Equal("[[],[],{},[],[]]", root["empty"].ToJson()!.ToJsonString());
        Assert.Equal("[7]", root["set"].ToJson()!.ToJsonString());
        Assert.Equal("""{"a":1,"b":2}""", root["ordered"].ToJson()!.ToJsonString());
        Assert.Equal(5, root["default"]["k"].AsLong());
        Assert.Equal(1.5, root["scalar"].AsDouble());
        Assert.Equal(-3, root["int_scalar"].AsLong());
        Assert.True(root["bool_scalar"].AsBool());
        Assert.Equal("int key", source.Others.Single(other => other.Key == "3").Value.AsString());

        Assert.Equal(["array", "fortran", "big_endian", "tensor", "shared.0", "shared.1"], source.Names);
        Assert.Equal([0, 1, 2, 3, 4, 5], source.Get("array").ToDoubles());
        Assert.Equal([0, 1, 2, 3, 4, 5], source.Get("fortran").ToDoubles());
        Assert.Equal([0, 1, 2], source.Get("big_endian").ToDoubles());
        Assert.Equal([3, 2], source.Get("tensor").Shape);
        Assert.Equal([0, 3, 1, 4, 2, 5], source.Get("tensor").ToDoubles());
        Assert.Equal([0, 3, 1, 4, 2, 5], source.Get("shared.1").ToDoubles());
    }

    [Fact]
    public void Unknown_classes_become_records()
    {
        using var source = (TorchPickle)TensorSource.Open(Fixtures.Find("pickles/namespace.pt"));
        var root = source.Root;
        var args = (PickleObject)root["args"];
        Assert.Equal("argparse.Namespace", args.Type.ToString());
        Assert.Equal(0.1, args["lr"].AsDouble());
        Assert.Equal("""{"lr":0.1,"name":"run","layers":[1,2]}""", args.ToJson()!.ToJsonString());
        Assert.Contains("Nearest: name", Assert.Throws<CheckpointException>(() => args["nmae"]).Message, StringComparison.Ordinal);
        Assert.Equal("made.up.point", ((PickleObject)root["point"]).Type.ToString());
        Assert.Equal("a/b", root["path"].AsString());
        Assert.Equal("torch.bfloat16", ((PickleName)root["dtype"]).ToString());
        Assert.Equal("cuda:1", root["device"].AsString());
        Assert.Equal("[2,3]", root["size"].ToJson()!.ToJsonString());
        Assert.Equal(["point.1", "parameter", "complex_tensor", "storage"], source.Names);
        Assert.Equal(StoredType.C64, source.Get("complex_tensor").Type);
        Assert.Equal([0, 1, 2], source.Get("storage").ToDoubles());
    }

    [Fact]
    public void Random_states_of_training_checkpoints_are_read()
    {
        using var source = TensorSource.Open(Fixtures.Find("pickles/rng.pt"));
        Assert.Equal(["torch", "numpy.1"], source.Names);
        Assert.Equal(StoredType.U32, source.Get("numpy.1").Type);
    }

    [Fact]
    public void Scripted_modules_are_read_as_state_dicts()
    {
        using var source = TensorSource.Open(Fixtures.Find("pickles/jit.pt"));
        using var expected = JsonDocument.Parse(File.ReadAllText(Fixtures.Find("pickles/expected.json")));
        foreach (var name in new[] { "fc.weight", "fc.bias" })
            Assert.Equal(expected.RootElement.GetProperty(name).EnumerateArray().Select(value => value.GetDouble()), source.Get(name).ToDoubles());
    }

    [Theory]
    [InlineData("overcomplete_batchtopk")]
    [InlineData("overcomplete_jump")]
    public void A_pickled_module_gives_the_names_and_values_of_its_state_dict(string name)
    {
        using var module = TensorSource.Open(Fixtures.Find($"saes/{name}/files/model.pth"));
        using var state = TensorSource.Open(Fixtures.Find($"saes/{name}/files/state_dict.pth"));
        foreach (var tensor in state.Tensors) Assert.Equal(tensor.ToBytes(), module.Get(tensor.Name).ToBytes());
    }

    [Fact]
    public void A_gzipped_pickle_holds_its_configuration_and_its_weights()
    {
        using var source = (TorchPickle)TensorSource.Open(Fixtures.Find("saes/prisma_pickled_gz/files/sae.pkl.gz"));
        Assert.Equal("vit_prisma.sae.config.VisionModelSAERunnerConfig", ((PickleObject)source.Root["cfg"]).Type.ToString());
        Assert.Equal("hook_mlp_out", source.Root["cfg"]["layer_subtype"].AsString());
        Assert.Equal([8, 24], source.Get("state_dict.W_enc").Shape);
        Assert.All(source.Get("state_dict.W_enc").ToDoubles(), value => Assert.True(double.IsFinite(value) && value != 0));
    }

    [Fact]
    public void A_state_dict_inside_a_file_is_taken_alone()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/prisma_legacy_saelens2/files/final_sparse_autoencoder_tinyclip_blocks.9.hook_mlp_out.pt")).Below("autoencoder.state_dict");
        Assert.Equal(["W_dec", "W_enc", "b_dec", "b_enc"], source.Names.Order(StringComparer.Ordinal));
        using var other = TensorSource.Open(Fixtures.Find("saes/container_pt/files/zip.pt"));
        Assert.Contains("'nothing'", Assert.Throws<CheckpointException>(() => other.Below("nothing")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lone_tensor_has_a_name()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/sdxl_unbox/files/unet.down_blocks.2.attentions.1_k4_hidden28_auxk8_bs4096_lr0.0001/final/mean.pt"));
        Assert.Equal([TensorSource.LoneName], source.Names);
        Assert.Equal([28], source.Single().Shape);
    }

    [Fact]
    public void A_line_of_json_before_the_archive_is_stepped_over()
    {
        using var folder = new TempFolder();
        var archive = File.ReadAllBytes(Fixtures.Find("saes/container_pt/files/zip_modern.pt"));
        using var source = TensorSource.Open(folder.Put("sae.pt", [.. "{\"cfg\": {\"d\": 7}}\n"u8, .. archive]));
        Assert.Equal([4, 3], source.Get("f32").Shape);
        Assert.All(source.Tensors, tensor => tensor.ToBytes());
    }
}
