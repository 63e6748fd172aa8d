using Prisma.Core;

namespace Prisma.Tests;

public sealed class TensorConversionTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("container_pt/files/zip.pt", "container_pt")]
    [InlineData("container_pt/files/zip_modern.pt", "container_pt")]
    [InlineData("container_pt/files/legacy.pt", "container_pt")]
    [InlineData("container_npz/files/arrays.npz", "container_npz")]
    [InlineData("container_npz/files/arrays_compressed.npz", "container_npz")]
    [InlineData("container_safetensors/files/all.safetensors", "container_safetensors")]
    [InlineData("container_safetensors/files/unordered.safetensors", "container_safetensors")]
    public void Every_container_becomes_the_expected_safetensors(string file, string fixture)
    {
        using var source = TensorSource.Open(Fixtures.Find($"saes/{file}"));
        Assert.Empty(TensorConversion.ToSafetensors(source, _folder["x.safetensors"]));
        using var got = TensorSource.Open(_folder["x.safetensors"]);
        using var want = TensorSource.Open(Fixtures.Find($"saes/{fixture}/expected.safetensors"));
        Stored.AssertSame(want, got);
    }

    [Fact]
    public void Configurations_go_into_the_metadata()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/prisma_pickled/files/n_images_130007.pt"));
        TensorConversion.ToSafetensors(source, _folder["x.safetensors"]);
        using var got = TensorSource.Open(_folder["x.safetensors"]);
        Assert.Equal("8", got.Metadata["cfg.d_in"]);
        Assert.Equal("relu", got.Metadata["cfg.activation_fn_str"]);
        Assert.Contains("state_dict.W_enc", got.Names);
    }

    [Fact]
    public void Values_too_long_for_a_header_are_named()
    {
        using var source = TensorSource.Open(_folder.Put("x.pkl", [0x80, 2, .. "}U\u0001aX\0\0\u0002\0"u8, .. new string('x', 1 << 17).Select(c => (byte)c), .. "sU\u0001bK\u0007s."u8]));
        Assert.Equal(["a"], TensorConversion.ToSafetensors(source, _folder["x.safetensors"]));
    }

    [Fact]
    public void A_listing_names_types_shapes_and_values()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/container_pt/files/zip.pt"));
        var listing = TensorConversion.Describe(source);
        Assert.Equal("PyTorch zip archive", (string)listing["format"]!);
        var first = listing["tensors"]!.AsArray().Single(tensor => (string)tensor!["name"]! == "bf16")!;
        Assert.Equal("""{"name":"bf16","type":"BF16","shape":[2,5],"bytes":20}""", first.ToJsonString());
        Assert.Equal(12345678901, (long)listing["others"]!["nested.int"]!);
    }
}
