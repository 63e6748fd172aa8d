using System.Text;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class MaliciousPickleTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("nt", "system")]
    [InlineData("os.path", "join")]
    [InlineData("subprocess", "Popen")]
    [InlineData("sys", "exit")]
    [InlineData("builtins", "eval")]
    [InlineData("builtins", "exec")]
    [InlineData("builtins", "getattr")]
    [InlineData("builtins", "__import__")]
    [InlineData("__builtin__", "eval")]
    [InlineData("builtins", "open")]
    [InlineData("importlib", "import_module")]
    [InlineData("runpy", "run_path")]
    [InlineData("shutil", "rmtree")]
    [InlineData("socket", "create_connection")]
    [InlineData("pickle", "loads")]
    [InlineData("operator", "attrgetter")]
    [InlineData("webbrowser", "open")]
    [InlineData("code", "interact")]
    public void Names_that_can_run_code_are_refused_where_they_are_named(string module, string name)
    {
        // By GLOBAL and by STACK_GLOBAL, even if nothing is called; and by INST.
        AssertRefused($"{module}.{name}", Pickle("\u0080\u0002c", module, "\n", name, "\n."));
        AssertRefused($"{module}.{name}", [0x80, 4, 0x8C, (byte)module.Length, .. Ascii(module), 0x8C, (byte)name.Length, .. Ascii(name), 0x93, (byte)'.']);
        AssertRefused($"{module}.{name}", Pickle("\u0080\u0002(S'id'\ni", module, "\n", name, "\n."));
    }

    [Theory]
    [InlineData("torch.hub", "load")]
    [InlineData("torch", "load")]
    [InlineData("numpy", "load")]
    [InlineData("functools", "partial")]
    [InlineData("made.up", "function")]
    [InlineData("collections", "namedtuple")]
    [InlineData("torch.storage", "_load_from_file")]
    public void Calls_outside_the_list_are_refused_by_name(string module, string name)
    {
        AssertRefused($"{module}.{name}", Pickle("\u0080\u0002c", module, "\n", name, "\n(S'id'\ntR."));
        AssertRefused($"{module}.{name}", Pickle("\u0080\u0002(c", module, "\n", name, "\nS'id'\no."));
        AssertRefused($"{module}.{name}", Pickle("\u0080\u0002(S'id'\ni", module, "\n", name, "\n."));
    }

    [Fact]
    public void An_unknown_class_is_only_a_record()
    {
        using var source = (TorchPickle)TensorSource.Open(_folder.Put("x.pkl", Pickle("\u0080\u0002ccode.mine\nThing\n)\u0081}(S'a'\nK\u0007ub.")));
        var thing = (PickleObject)source.Root;
        Assert.Equal("code.mine.Thing", thing.Type.ToString());
        Assert.Equal(7, thing["a"].AsLong());
    }

    [Fact]
    public void Calling_a_value_that_is_no_name_is_refused()
    {
        AssertRefused("is called", Pickle("\u0080\u0002cmade.up\nThing\n)\u0081)R."));
        AssertRefused("is called", Pickle("\u0080\u0002K\u0001)R."));
    }

    [Fact]
    public void Code_in_any_container_is_refused()
    {
        var evil = Pickle("\u0080\u0002cos\nsystem\n(S'id'\ntR.");
        AssertRefused("os.system", evil, "x.pt");
        AssertRefused("os.system", evil, "x.bin");
        AssertRefused("os.system", Gzip(evil), "x.pkl.gz");
        AssertRefused("os.system", Zip(("x/data.pkl", evil)), "x.pt");
        var legacy = File.ReadAllBytes(Fixtures.Find("saes/container_pt/files/legacy.pt"));
        AssertRefused("os.system", [.. legacy[..21], .. evil], "x.pt");
        AssertRefused("os.system", Pickle("cos\nsystem\n(S'id'\ntR."), "x.pkl");
        // torch bytes inside a pickle
        AssertRefused("os.system", [0x80, 3, .. "ctorch.storage\n_load_from_bytes\nC"u8, (byte)evil.Length, .. evil, 0x85, .. "R."u8], "x.pkl");
    }

    [Fact]
    public void References_that_multiply_are_refused()
    {
        // Ten lists of ten references each to the one before: 10^30 leaves.
        var laughs = new StringBuilder("\u0080\u0002]q\0(");
        for (var i = 0; i < 10; i++) laughs.Append("K\u0001");
        laughs.Append('e');
        for (var level = 1; level < 30; level++)
        {
            laughs.Append("]q").Append((char)level).Append('(');
            for (var i = 0; i < 10; i++) laughs.Append('h').Append((char)(level - 1));
            laughs.Append('e');
        }

        AssertRefused("expands to more", Pickle(laughs.Append('.').ToString()));
    }

    [Fact]
    public void A_hundred_thousand_lists_each_in_the_next_are_refused() =>
        AssertRefused("nested more than", Pickle("\u0080\u0002" + new string(']', 100_000) + new string('a', 99_999) + "."));

    [Fact]
    public void A_megabyte_encoded_over_and_over_is_refused()
    {
        var copies = new StringBuilder("\u0080\u0002]X\0\0\u0010\0").Append('a', 1 << 20).Append("q\0").Append('0');
        for (var i = 0; i < 3000; i++) copies.Append("c_codecs\nencode\n(h\0U\u0006latin1tRa");
        AssertRefused("again and again", Pickle(copies.Append('.').ToString()));
    }

    [Fact]
    public void A_value_that_contains_itself_is_listed_once()
    {
        using var source = (TorchPickle)TensorSource.Open(_folder.Put("x.pkl", Pickle("\u0080\u0002]q\0h\0aK\u0007a.")));
        Assert.Equal("1", Assert.Single(source.Others).Key);
        Assert.Throws<CheckpointException>(() => source.Root.ToJson());
    }

    [Theory]
    [InlineData("\u0080\u0006.", "protocol 6")]
    [InlineData("\u0080\u0002\u0082\u0001.", "extensions")]
    [InlineData("\u0080\u0002.", "a value is missing")]
    [InlineData("\u0080\u0002t.", "a value is missing")]
    [InlineData("\u0080\u0002(K\u0001)R.", "is called")]
    [InlineData("\u0080\u0002h\0.", "nothing is memorised")]
    [InlineData("\u0080\u0002X\u00FF\u00FF\u00FF\u00FFa.", "in the middle")]
    [InlineData("\u0080\u0004\u008D\0\0\0\0\0\0\0\u0080.", "negative length")]
    [InlineData("\u0080\u0004\u008E\0\0\0\0\0\0\0\u0010.", "in the middle")]
    [InlineData("\u0080\u0002\u008B\u00FF\u00FF\u00FF\u007F.", "a whole number of")]
    [InlineData("\u0080\u0002K\u0001K\u0002a.", "items for")]
    [InlineData("\u0080\u0002}(K\u0001u.", "a key without a value")]
    [InlineData("\u0080\u0002K\u0001Q.", "outside itself")]
    [InlineData("\u0080\u0002K\u0001}b.", "state for")]
    [InlineData("\u0080\u0002K\u0001.K", "follow the pickle")]
    [InlineData("\u0080\u0002", "in the middle")]
    public void Broken_pickles_are_refused(string pickle, string complaint) => AssertRefused(complaint, Pickle(pickle));

    [Theory]
    [InlineData("(K\0)K\u0001t", 3L)]                        // offset 0, one dimension too few
    [InlineData("K\u0002(K\u0002K\u0002t(K\u0002K\u0001t", 4L)]   // reaches element 5 of 4
    [InlineData("K\0(K\u0005t(K\u0001t", 4L)]
    [InlineData("K\0(J\u00FF\u00FF\u00FF\u00FFt(K\u0001t", 4L)]
    [InlineData("J\u00FF\u00FF\u00FF\u00FF(K\u0001t(K\u0001t", 4L)]
    [InlineData("K\0(K\u0004t(K\u0001t", 5L)]                     // the storage claims more than its member has
    [InlineData("K\0(K\u0004t(K\u0001t", 4611686018427387904L)]
    public void Tensors_that_reach_beyond_their_storage_are_refused(string layout, long claimed)
    {
        var pickle = new StringBuilder("\u0080\u0002ctorch._utils\n_rebuild_tensor_v2\n((U\u0007storagectorch\nFloatStorage\nU\u00010U\u0003cpuL")
            .Append(claimed).Append("L\ntQ").Append(layout).Append("\u0089}tR.").ToString();
        AssertRefused("x.pt", Zip(("x/data.pkl", Pickle(pickle)), ("x/data/0", new byte[16])), "x.pt");
    }

    [Fact]
    public void A_view_that_repeats_itself_without_end_is_listed_but_not_unrolled()
    {
        var pickle = Pickle("\u0080\u0002ctorch._utils\n_rebuild_tensor_v2\n((U\u0007storagectorch\nFloatStorage\nU\u00010U\u0003cpuK\u0004tQK\0(J\0\0\0\u0040t(K\0t\u0089}tR.");
        using var source = TensorSource.Open(_folder.Put("x.pt", Zip(("x/data.pkl", pickle), ("x/data/0", new byte[16]))));
        Assert.Equal([1L << 30], source.Single().Shape);
        Assert.Contains("repetition", Assert.Throws<CheckpointException>(() => source.Single().ToBytes()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("saes/container_pt/files/legacy.pt")]
    [InlineData("saes/sdxl_unbox/files/unet.down_blocks.2.attentions.1_k4_hidden28_auxk8_bs4096_lr0.0001/final/mean.pt")]
    [InlineData("saes/container_pt/files/zip_modern.pt")]
    [InlineData("saes/prisma_pickled_gz/files/sae.pkl.gz")]
    [InlineData("pickles/plain_protocol_0.pkl")]
    [InlineData("pickles/plain_protocol_5.pkl")]
    public void Truncated_anywhere_it_is_refused(string fixture) => Damage.TruncateEverywhere(Fixtures.Find(fixture), _folder);

    [Theory]
    [InlineData("x.pt", "", "empty")]
    [InlineData("x.pt", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS")]
    [InlineData("x.pt", "<!DOCTYPE html>", "none of the known kinds")]
    [InlineData("x.bin", "{\"a\": 1}", "none of the known kinds")]
    public void Files_of_another_kind_are_refused_with_a_reason(string name, string content, string complaint) =>
        AssertRefused(complaint, Encoding.UTF8.GetBytes(content), name);

    [Fact]
    public void Missing_files_and_unclear_folders_are_said()
    {
        Assert.Contains("does not exist", Assert.Throws<CheckpointException>(() => TensorSource.Open(_folder["no.pt"])).Message, StringComparison.Ordinal);
        Assert.Contains("no checkpoint", Assert.Throws<CheckpointException>(() => TensorSource.Open(_folder.Path)).Message, StringComparison.Ordinal);
        var whole = File.ReadAllBytes(Fixtures.Find("saes/container_pt/files/zip.pt"));
        _folder.Put("a.pt", whole);
        using (var source = TensorSource.Open(_folder.Path)) Assert.True(source.Contains("f32"));
        _folder.Put("b.pt", whole);
        Assert.Contains("a.pt, b.pt", Assert.Throws<CheckpointException>(() => TensorSource.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    private static byte[] Pickle(params string[] parts) => Encoding.Latin1.GetBytes(string.Concat(parts));

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);

    private static byte[] Gzip(byte[] content)
    {
        var stream = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(stream, System.IO.Compression.CompressionLevel.Fastest)) gzip.Write(content);
        return stream.ToArray();
    }

    private static byte[] Zip(params ReadOnlySpan<(string Name, byte[] Content)> members)
    {
        var stream = new MemoryStream();
        using (var archive = new System.IO.Compression.ZipArchive(stream, System.IO.Compression.ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in members)
            {
                using var entry = archive.CreateEntry(name, System.IO.Compression.CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    private void AssertRefused(string complaint, byte[] content, string name = "x.pkl")
    {
        var path = _folder.Put(name, content);
        var error = Assert.Throws<CheckpointException>(() => TensorSource.Open(path));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }
}
