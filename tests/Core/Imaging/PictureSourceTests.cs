using System.Formats.Tar;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>The same pictures, wherever they lie: files, class folders, lists, archives.</summary>
public sealed class PictureSourceTests : IDisposable
{
    private static readonly Preprocess s_preprocess = Preprocess.Load(Fixture.Path("../../weights/demo/vit"));

    private readonly TempFolder _folder = new();
    private readonly string[] _files = [Fixture.Path("imaging/plain.jpg"), Fixture.Path("imaging/rgb.png"), Fixture.Path("imaging/bits.png")];

    [Fact]
    public void An_archive_gives_what_its_files_give_in_any_order()
    {
        using var scope = NewDisposeScope();
        var tar = Archive("shard-000.tar", TarEntryFormat.Pax);
        var (packed, plain) = (new PictureInputs([tar], s_preprocess), new PictureInputs(_files, s_preprocess));
        Assert.Equal(3, packed.Count);
        Assert.Equal($"{tar}/a very long folder name, so that the format needs an extended header for it, {new string('x', 120)}/000001.png", packed.NameOf(1));
        foreach (var order in new[] { new[] { 0, 1, 2 }, [2, 0], [1] })
        {
            var (a, b) = (packed.Batch(order), plain.Batch(order));
            Assert.True(a["input"].Equals(b["input"]));
            a["input"].Dispose();
            b["input"].Dispose();
        }
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.V7)]
    public void Archives_of_every_kind_are_read(TarEntryFormat format) =>
        Assert.Equal(3, new PictureInputs([Archive("a.tar", format, deep: false)], s_preprocess).Count);

    [Fact]
    public void A_folder_of_archives_is_taken_in_order()
    {
        Archive("b.tar", TarEntryFormat.Ustar, deep: false);
        Archive("a.tar", TarEntryFormat.Ustar, deep: false);
        var inputs = new PictureInputs([_folder.Path], s_preprocess);
        Assert.Equal(6, inputs.Count);
        Assert.StartsWith(_folder["a.tar"], inputs.NameOf(0));
        Assert.Equal(inputs.Fingerprint, new PictureInputs([_folder["*.tar"]], s_preprocess).Fingerprint);
        Assert.NotEqual(inputs.Fingerprint, new PictureInputs([_folder["a.tar"]], s_preprocess).Fingerprint);
    }

    [Fact]
    public void Class_folders_are_searched_downwards()
    {
        foreach (var (file, k) in _files.Select((file, k) => (file, k)))
        {
            Directory.CreateDirectory(_folder[$"class{k % 2}"]);
            File.Copy(file, _folder[$"class{k % 2}/{k}{Path.GetExtension(file)}"]);
        }
        Assert.Equal([_folder["class0/0.jpg"], _folder["class0/2.png"], _folder["class1/1.png"]], PictureFiles.Find([_folder.Path]));
        Assert.Equal(PictureFiles.Find([_folder.Path]), PictureFiles.Find([_folder["**"]]));
        Assert.Equal([_folder["class0/0.jpg"], _folder["class0/2.png"]], PictureFiles.Find([_folder["class0"]]));
    }

    [Fact]
    public void A_list_names_files_beside_it()
    {
        File.Copy(_files[1], _folder["a.png"]);
        File.WriteAllText(_folder["list.txt"], $"# pictures\n\na.png\tcat\n{_files[0]}\n");
        var inputs = new PictureInputs([_folder["list.txt"]], s_preprocess);
        Assert.Equal([_folder["a.png"], _files[0]], [inputs.NameOf(0), inputs.NameOf(1)]);
        File.AppendAllText(_folder["list.txt"], "gone.png\n");
        Assert.Contains("line 5", Assert.Throws<PrismaException>(() => new PictureInputs([_folder["list.txt"]], s_preprocess)).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder["list.txt"], "#\n");
        Assert.Contains("names no pictures", Assert.Throws<PrismaException>(() => new PictureInputs([_folder["list.txt"]], s_preprocess)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_archive_is_refused_before_any_work()
    {
        var tar = Archive("a.tar", TarEntryFormat.Ustar, deep: false);
        var bytes = File.ReadAllBytes(tar);
        foreach (var length in new[] { bytes.Length / 2, 700, 100 })
        {
            File.WriteAllBytes(_folder["cut.tar"], bytes[..length]);
            Assert.Throws<PrismaException>(() => new PictureInputs([_folder["cut.tar"]], s_preprocess));
        }
        File.WriteAllBytes(_folder["noise.tar"], [.. Enumerable.Range(0, 4096).Select(k => (byte)(k * 7 + 1))]);
        Assert.Contains("tar archive", Assert.Throws<PrismaException>(() => new PictureInputs([_folder["noise.tar"]], s_preprocess)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_gives_what_its_files_give()
    {
        PictureTable.Write(_folder["train-00000.parquet"], [.. _files.Select(File.ReadAllBytes)], groups: 2);
        using var scope = NewDisposeScope();
        var (packed, plain) = (new PictureInputs([_folder.Path], s_preprocess), new PictureInputs(_files, s_preprocess));
        Assert.Equal(6, packed.Count);
        var (a, b) = (packed.Batch([5, 0, 1]), plain.Batch([2, 0, 1]));
        Assert.True(a["input"].Equals(b["input"]));
        a["input"].Dispose();
        b["input"].Dispose();
    }

    [Fact]
    public void A_damaged_table_or_row_is_named()
    {
        var table = PictureTable.Write(_folder["a.parquet"], [File.ReadAllBytes(_files[0]), null], groups: 2);
        Assert.Contains("rows without", Assert.Throws<PrismaException>(() => new PictureInputs([table], s_preprocess).Batch([1])).Message, StringComparison.Ordinal);
        var bytes = File.ReadAllBytes(table);
        foreach (var cut in new[] { 0, 10, bytes.Length / 2, bytes.Length - 5 })
            Assert.Contains("Parquet table", Assert.Throws<PrismaException>(() => new PictureInputs([_folder.Put("cut.parquet", bytes[..cut])], s_preprocess)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_packed_archive_says_what_to_do() =>
        Assert.Contains("Unpack it", Assert.Throws<PrismaException>(() => new PictureInputs([_folder.Put("a.tar.gz", [1])], s_preprocess)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_damaged_picture_in_an_archive_is_named()
    {
        using (var writer = new TarWriter(File.Create(_folder["bad.tar"])))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "bad.png") { DataStream = new MemoryStream([1, 2, 3]) });
        var inputs = new PictureInputs([_folder["bad.tar"]], s_preprocess);
        Assert.Contains("bad.tar/bad.png", Assert.Throws<PrismaException>(() => inputs.Batch([0])).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Archive(string name, TarEntryFormat format, bool deep = true)
    {
        var folder = deep ? $"a very long folder name, so that the format needs an extended header for it, {new string('x', 120)}/" : "";
        using var writer = new TarWriter(File.Create(_folder[name]), format);
        for (var k = 0; k < _files.Length; k++)
        {
            Write($"{folder}{k:d6}{Path.GetExtension(_files[k])}", File.ReadAllBytes(_files[k]));
            Write($"{folder}{k:d6}.cls", "3"u8.ToArray());
        }
        return _folder[name];

        void Write(string entry, byte[] content)
        {
            var stream = new MemoryStream(content);
            writer.WriteEntry(format switch
            {
                TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, entry) { DataStream = stream },
                TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, entry) { DataStream = stream },
                TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, entry) { DataStream = stream },
                _ => new PaxTarEntry(TarEntryType.RegularFile, entry) { DataStream = stream },
            });
        }
    }
}
