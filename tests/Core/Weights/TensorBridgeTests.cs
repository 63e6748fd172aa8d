using System.Runtime.InteropServices;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class TensorBridgeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("container_safetensors/files/all.safetensors")]
    [InlineData("container_pt/files/zip.pt")]
    [InlineData("container_pt/files/legacy.pt")]
    [InlineData("container_npz/files/arrays.npz")]
    [InlineData("container_npz/files/arrays_compressed.npz")]
    public void Every_type_and_layout_survives_the_way_through_a_native_tensor(string file)
    {
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(Fixtures.Find($"saes/{file}"));
        Safetensors.Write(_folder["copy.safetensors"], source.Tensors.Select(stored => (stored.Name, stored.ToTensor())));
        using var copy = TensorSource.Open(_folder["copy.safetensors"]);
        Stored.AssertSame(source, copy);
    }

    [Theory]
    [InlineData(StoredType.F8_E4M3, new byte[] { 0x00, 0x01, 0x38, 0x7E, 0xB8 }, new double[] { 0, 0.001953125, 1, 448, -1 })]
    [InlineData(StoredType.F8_E5M2, new byte[] { 0x00, 0x01, 0x3C, 0x7B, 0xFC }, new double[] { 0, 1.52587890625e-05, 1, 57344, double.NegativeInfinity })]
    [InlineData(StoredType.F8_E8M0, new byte[] { 0x7F, 0x80, 0x7E }, new double[] { 1, 2, 0.5 })]
    [InlineData(StoredType.U16, new byte[] { 0xFF, 0xFF, 0x01, 0x00 }, new double[] { 65535, 1 })]
    [InlineData(StoredType.U32, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, new double[] { 4294967295 })]
    [InlineData(StoredType.U64, new byte[] { 0, 0, 0, 0, 1, 0, 0, 0 }, new double[] { 4294967296 })]
    public void Types_that_libtorch_lacks_are_widened(StoredType type, byte[] bytes, double[] values)
    {
        using var scope = NewDisposeScope();
        var stored = Stored.Of("x", type, [values.Length], bytes);
        Assert.Equal(values, stored.ToDoubles());
        Assert.Equal(values, stored.ToTensor().to(float64).data<double>().ToArray());
        var target = zeros([1, values.Length], dtype: float64);
        stored.ReadInto(target);
        Assert.Equal(values, target.data<double>().ToArray());
    }

    [Fact]
    public void A_number_that_fits_no_native_type_is_refused()
    {
        Assert.Throws<CheckpointException>(() => Stored.Of("x", StoredType.U64, [1], [0, 0, 0, 0, 0, 0, 0, 0x80]).ToTensor());
    }

    [Fact]
    public void Large_tensors_are_read_in_pieces_also_transposed_and_swapped()
    {
        const int Rows = 1200, Columns = 3500;      // 16 MB: more than one piece
        var values = new float[Rows * Columns];
        for (var i = 0; i < values.Length; i++) values[i] = i;
        var bytes = new MemoryBytes("x", MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        using var scope = NewDisposeScope();
        var want = arange(Rows * Columns, dtype: float32).reshape(Rows, Columns);
        Assert.True(new StoredTensor("x", StoredType.F32, TensorLayout.Contiguous("x", [Rows, Columns]), bytes).ToTensor().eq(want).all().item<bool>());

        var transposed = new StoredTensor("x", StoredType.F32, TensorLayout.Strided("x", [Columns, Rows], [1, Columns], 0, values.Length), bytes).ToTensor();
        Assert.True(transposed.is_contiguous());
        Assert.True(transposed.eq(want.t()).all().item<bool>());

        var swapped = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        for (var i = 0; i < swapped.Length; i += 4) Array.Reverse(swapped, i, 4);
        Assert.True(new StoredTensor("x", StoredType.F32, TensorLayout.Contiguous("x", [Rows, Columns]), new MemoryBytes("x", swapped), bigEndian: true)
            .ToTensor().eq(want).all().item<bool>());
    }

    [Fact]
    public void Three_axes_are_permuted_and_sliced_as_their_strides_say()
    {
        var bytes = new MemoryBytes("x", MemoryMarshal.AsBytes(Enumerable.Range(0, 60).ToArray().AsSpan()).ToArray());
        using var scope = NewDisposeScope();
        var whole = arange(60, dtype: int32).reshape(3, 4, 5);
        StoredTensor View(long[] shape, long[] strides, long offset) => new("x", StoredType.I32, TensorLayout.Strided("x", shape, strides, offset, 60), bytes);

        Assert.True(View([5, 3, 4], [1, 20, 5], 0).ToTensor().eq(whole.permute(2, 0, 1)).all().item<bool>());
        Assert.True(View([2, 4, 5], [20, 5, 1], 20).ToTensor().eq(whole.narrow(0, 1, 2)).all().item<bool>());
        Assert.Equal([1, 3, 5, 11, 13, 15], View([2, 3], [10, 2], 1).ToTensor().to(float64).data<double>().ToArray());
        Assert.Equal([7, 7, 7], View([3], [0], 7).ToTensor().to(float64).data<double>().ToArray());
    }

    [Fact]
    public void A_shrunken_file_is_an_error_also_where_several_threads_read()
    {
        Safetensors.Write(_folder["x.safetensors"], [Stored.Of("x", StoredType.U8, [40 << 20], new byte[40 << 20])]);
        using var source = TensorSource.Open(_folder["x.safetensors"]);
        using (var file = new FileStream(_folder["x.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(10 << 20);
        Assert.Contains("truncated while being read", Assert.Throws<CheckpointException>(() => source.Single().ToTensor()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Native_tensors_of_any_layout_are_written_row_major()
    {
        using var scope = NewDisposeScope();
        var x = arange(6, dtype: float32).reshape(2, 3).requires_grad_();
        Safetensors.Write(_folder["x.safetensors"], [("plain", x), ("turned", x.t()), ("part", x.narrow(1, 1, 2)), ("none", zeros(0, 3)), ("one", tensor(7.0))]);
        using var source = TensorSource.Open(_folder["x.safetensors"]);
        Assert.Equal([0, 1, 2, 3, 4, 5], source.Get("plain").ToDoubles());
        Assert.Equal([0, 3, 1, 4, 2, 5], source.Get("turned").ToDoubles());
        Assert.Equal([1, 2, 4, 5], source.Get("part").ToDoubles());
        Assert.Equal([0, 3], source.Get("none").Shape);
        Assert.Equal(7, source.Get("one").ToScalar());
    }

    [Fact]
    public void A_tensor_of_another_size_is_not_read_into()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ShapeException>(() => Stored.Of("x", StoredType.U8, [2], [1, 2]).ReadInto(zeros(3)));
    }
}
