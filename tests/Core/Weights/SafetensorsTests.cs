using System.Buffers.Binary;
using System.Text;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("all.safetensors")]
    [InlineData("unordered.safetensors")]
    public void Every_type_is_read_as_the_reference_reads_it(string file)
    {
        using var got = TensorSource.Open(Fixtures.Find($"saes/container_safetensors/files/{file}"));
        using var want = TensorSource.Open(Fixtures.Find("saes/container_safetensors/expected.safetensors"));
        Stored.AssertSame(want, got);
        Assert.Equal([4, 3], got.Get("f32").Shape);
        Assert.Empty(got.Get("scalar").Shape);
        Assert.Equal(0, got.Get("empty").Count);
        Assert.Equal("safetensors", got.Format);
    }

    [Fact]
    public void Writing_what_was_read_gives_the_same_tensors_and_metadata()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/container_safetensors/files/all.safetensors"));
        Assert.NotEmpty(source.Metadata);
        Safetensors.Write(_folder["copy.safetensors"], source.Tensors, source.Metadata);
        using var copy = TensorSource.Open(_folder["copy.safetensors"]);
        Stored.AssertSame(source, copy);
        Assert.Equal(source.Metadata, copy.Metadata);
    }

    [Fact]
    public void Files_are_laid_out_as_the_reference_library_lays_them_out()
    {
        var tensors = new[] { Stored.Of("b", StoredType.F32, [2], new byte[8]), Stored.Of("z", StoredType.I64, [1], new byte[8]), Stored.Of("a", StoredType.F32, [1], new byte[4]), Stored.Of("u", StoredType.U8, [3], [1, 2, 3]) };
        Safetensors.Write(_folder["x.safetensors"], tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var bytes = File.ReadAllBytes(_folder["x.safetensors"]);
        const string Header =
            """{"__metadata__":{"format":"pt"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},"u":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}}""";
        var padded = (Header.Length + 7) / 8 * 8;
        Assert.Equal(padded, BinaryPrimitives.ReadInt64LittleEndian(bytes));
        Assert.Equal(Header.PadRight(padded), Encoding.UTF8.GetString(bytes, 8, padded));
        Assert.Equal([1, 2, 3], bytes[^3..]);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null)]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   """, 8, null)]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "follow the last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "claims bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "needs 12 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "claims bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "more elements than can be counted")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "not negative")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "not negative")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}""", 8, "whole numbers")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}""", 8, "'Q4'")]
    [InlineData("""{"a":{"dtype":"12","shape":[2],"data_offsets":[0,8]}}""", 8, "'12'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "twice")]
    [InlineData("""{"__metadata__":{"k":7},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"a":7}""", 0, "not valid")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x""", 8, "not valid")]
    [InlineData("""{"a":{"dtype":"F32","sha""", 8, "not valid")]
    public void Lying_headers_are_refused_and_honest_ones_are_not(string header, int dataLength, string? complaint)
    {
        var path = _folder.Put("x.safetensors", [.. Length(header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[dataLength]]);
        if (complaint is null)
        {
            using var source = TensorSource.Open(path);
            Assert.Equal([0, 0], source.Get("a").ToDoubles());
            return;
        }

        var error = Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
        Assert.Contains("x.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1L << 60)]
    [InlineData(-1L)]
    [InlineData(100_000_001L)]
    [InlineData(1000L)]
    public void A_header_length_beyond_the_file_is_refused_before_anything_is_allocated(long claimed)
    {
        var path = _folder.Put("x.safetensors", [.. Length(claimed), .. "{}      "u8]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
        Assert.Contains("header claims", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Truncated_anywhere_it_is_refused_with_its_name()
    {
        var whole = File.ReadAllBytes(Fixtures.Find("saes/container_safetensors/files/all.safetensors"));
        for (var length = 0; length < whole.Length; length++)
        {
            var path = _folder.Put("cut.safetensors", whole[..length]);
            var error = Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
            Assert.Contains("cut.safetensors", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_truncated_while_open_is_an_error_and_not_the_end()
    {
        var path = _folder.Put("x.safetensors", File.ReadAllBytes(Fixtures.Find("saes/container_safetensors/files/all.safetensors")));
        using var source = TensorSource.Open(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(100);
        var error = Assert.Throws<CheckpointException>(() => source.Get("f32").ToBytes());
        Assert.Contains("truncated while being read", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_name_lists_the_nearest_ones()
    {
        using var source = TensorSource.Open(Fixtures.Find("saes/container_safetensors/files/all.safetensors"));
        var error = Assert.Throws<CheckpointException>(() => source.Get("bf166"));
        Assert.Contains("Nearest: bf16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrapping_prefixes_are_taken_off()
    {
        var tensors = new[] { Stored.Of("module._orig_mod.W", StoredType.U8, [1], [7]), Stored.Of("b", StoredType.U8, [1], [8]) };
        Safetensors.Write(_folder["x.safetensors"], tensors);
        using var source = TensorSource.Open(_folder["x.safetensors"]).WithoutPrefixes();
        Assert.Equal(["b", "W"], source.Names);
        Assert.Equal(7, source.Get("W").ToScalar());
    }

    [Fact]
    public void Shards_are_read_through_their_index()
    {
        Safetensors.Write(_folder["m-1.safetensors"], [Stored.Of("a", StoredType.U8, [1], [1])]);
        Safetensors.Write(_folder["m-2.safetensors"], [Stored.Of("b", StoredType.U8, [1], [2])]);
        var index = _folder.Put("m.safetensors.index.json", """{"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}"""u8.ToArray());
        using (var source = TensorSource.Open(index))
        {
            Assert.Equal(["a", "b"], source.Names);
            Assert.Equal(2, source.Get("b").ToScalar());
        }

        File.Delete(_folder["m-2.safetensors"]);
        Assert.Contains("m-2.safetensors", Assert.Throws<CheckpointException>(() => TensorSource.Open(index)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../m-1.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""")]
    [InlineData("""{"weight_map":{"zz":"m-1.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":7}}""")]
    [InlineData("""{"weight_map":{"a":null}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("""{"weight""")]
    [InlineData("[]")]
    public void Bad_indices_are_refused(string index)
    {
        Safetensors.Write(_folder["m-1.safetensors"], [Stored.Of("a", StoredType.U8, [1], [1])]);
        var path = _folder.Put("m.safetensors.index.json", Encoding.UTF8.GetBytes(index));
        Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
    }

    private static byte[] Length(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
