using System.IO.Compression;
using System.Text;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class NpzTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("arrays.npz")]
    [InlineData("arrays_compressed.npz")]
    public void Archives_of_arrays_are_read_as_numpy_reads_them(string file)
    {
        using var got = TensorSource.Open(Fixtures.Find($"saes/container_npz/files/{file}"));
        using var want = TensorSource.Open(Fixtures.Find("saes/container_npz/expected.safetensors"));
        Stored.AssertSame(want, got);
    }

    [Theory]
    [InlineData("single.npy")]
    [InlineData("wide.npy")]
    public void A_lone_array_is_read(string file)
    {
        using var got = TensorSource.Open(Fixtures.Find($"saes/container_npz/files/{file}"));
        using var want = TensorSource.Open(Fixtures.Find("saes/container_npz/expected.safetensors"));
        Assert.Contains(want.Tensors, tensor => tensor.Type == got.Single().Type && tensor.Shape.SequenceEqual(got.Single().Shape) && tensor.ToBytes().SequenceEqual(got.Single().ToBytes()));
    }

    [Fact]
    public void Stored_and_deflated_archives_agree_in_any_order_of_reading()
    {
        using var stored = TensorSource.Open(Path.Combine(Fixtures.Find("saes/gemma_scope_res/files"), FindParams("gemma_scope_res"), "params.npz"));
        using var deflated = TensorSource.Open(Path.Combine(Fixtures.Find("saes/gemma_scope_res_compressed/files"), FindParams("gemma_scope_res_compressed"), "params.npz"));
        Assert.Equal(stored.Names.Order(), deflated.Names.Order());
        foreach (var tensor in deflated.Tensors.Reverse().Concat(deflated.Tensors)) Assert.Equal(tensor.ByteCount, tensor.ToBytes().Length);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, null)]
    [InlineData("{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L,)}", 8, null)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, "truncated")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, "damaged")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8, "objects")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "named fields")]
    [InlineData("{'descr': '<U7', 'fortran_order': False, 'shape': (2,), }", 8, "'<U7'")]
    [InlineData("{'descr': '|V2', 'fortran_order': False, 'shape': (2,), }", 8, "bfloat16")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 8, "counted")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8, "a size")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, "a size")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('id'), }", 8, "'('")]
    [InlineData("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", 8, "True or False")]
    [InlineData("{'descr': '<f4', 'shape': (2,), }", 8, "fortran_order")]
    [InlineData("{'descr': '<f4", 8, "end of a string")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", 8, "the end")]
    [InlineData("", 8, "'{'")]
    public void Lying_headers_are_refused_and_honest_ones_are_not(string header, int dataLength, string? complaint)
    {
        var path = _folder.Put("x.npy", Npy(header, new byte[dataLength]));
        if (complaint is null)
        {
            using var source = TensorSource.Open(path);
            Assert.Equal([0, 0], source.Single().ToDoubles());
            return;
        }

        var error = Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
        Assert.Contains("x.npy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_that_unpacks_to_another_size_than_it_declares_is_refused()
    {
        // A bomb: 4 MB of zeros in some 4 KB, whose directory says either too little or far too much.
        var bomb = Zip("a.npy", Npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4194304,), }", new byte[4 << 20]));
        Assert.Equal(4 << 20, ReadAll(bomb, declared: null));
        Assert.Throws<CheckpointException>(() => ReadAll(bomb, declared: 1000));
        Assert.Throws<CheckpointException>(() => ReadAll(bomb, declared: (4 << 20) + 200));
        Assert.Throws<CheckpointException>(() => ReadAll(bomb, declared: int.MaxValue));
    }

    [Theory]
    [InlineData("saes/container_npz/files/arrays.npz")]
    [InlineData("saes/container_npz/files/arrays_compressed.npz")]
    [InlineData("saes/container_npz/files/single.npy")]
    [InlineData("saes/container_npz/files/wide.npy")]
    public void Truncated_anywhere_it_is_refused(string fixture) => Damage.TruncateEverywhere(Fixtures.Find(fixture), _folder);

    private static string FindParams(string fixture)
    {
        var root = Fixtures.Find($"saes/{fixture}/files");
        return Path.GetRelativePath(root, Path.GetDirectoryName(Directory.GetFiles(root, "params.npz", SearchOption.AllDirectories).Single())!);
    }

    private static byte[] Npy(string header, byte[] data) =>
        [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header), .. data];

    private static byte[] Zip(string name, byte[] content)
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = archive.CreateEntry(name).Open();
            entry.Write(content);
        }

        return stream.ToArray();
    }

    private long ReadAll(byte[] zip, int? declared)
    {
        var bytes = zip.ToArray();
        var entry = bytes.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        if (declared is { } size) BitConverter.TryWriteBytes(bytes.AsSpan(entry + 24), size);
        using var source = TensorSource.Open(_folder.Put("bomb.npz", bytes));
        return source.Single().ToBytes().Length;
    }
}
