using Prisma.Core;

namespace Prisma.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Content_appears_only_on_commit()
    {
        using (var file = new AtomicFile(_folder["a.txt"]))
        {
            file.Stream.Write("hello"u8);
            file.Stream.Flush();
            Assert.False(File.Exists(_folder["a.txt"]));
            file.Commit();
        }

        Assert.Equal("hello", File.ReadAllText(_folder["a.txt"]));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_no_temporary_one()
    {
        AtomicFile.WriteText(_folder["a.txt"], "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(
            _folder["a.txt"],
            stream =>
            {
                stream.Write("half"u8);
                throw new InvalidOperationException();
            },
            ExistingFile.Replace));
        Assert.Equal("old", File.ReadAllText(_folder["a.txt"]));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void An_existing_file_is_refused_unless_replacing_is_asked_for()
    {
        AtomicFile.WriteText(_folder["a.txt"], "old");
        var error = Assert.Throws<PrismaException>(() => AtomicFile.WriteText(_folder["a.txt"], "new"));
        Assert.Contains("a.txt", error.Message, StringComparison.Ordinal);
        Assert.Contains("--force", error.Message, StringComparison.Ordinal);
        AtomicFile.WriteText(_folder["a.txt"], "new", ExistingFile.Replace);
        Assert.Equal("new", File.ReadAllText(_folder["a.txt"]));
    }

    [Fact]
    public void A_file_that_appears_meanwhile_is_not_overwritten()
    {
        using var file = new AtomicFile(_folder["a.txt"]);
        File.WriteAllText(_folder["a.txt"], "theirs");
        Assert.Throws<PrismaException>(file.Commit);
        file.Dispose();
        Assert.Equal("theirs", File.ReadAllText(_folder["a.txt"]));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_disk_that_runs_full_is_said_plainly()
    {
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using var guarded = new GuardedStream(full, e => AtomicFile.Explain("a.bin", e));
        var error = Assert.Throws<PrismaException>(() => guarded.Write("x"u8));
        Assert.Contains("a.bin", error.Message, StringComparison.Ordinal);
        Assert.Contains("no space left", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_than_the_disk_has_is_refused_before_writing()
    {
        var error = Assert.Throws<PrismaException>(() => new AtomicFile(_folder["a.bin"], ExistingFile.Refuse, 1L << 56));
        Assert.Contains("left on the disk", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Missing_folders_are_made_and_folders_are_no_files()
    {
        AtomicFile.WriteText(_folder["new/deep/a.txt"], "x");
        Assert.True(File.Exists(_folder["new/deep/a.txt"]));
        Assert.Throws<PrismaException>(() => AtomicFile.WriteText(_folder["new"], "x", ExistingFile.Replace));
        Assert.Throws<PrismaException>(() => AtomicFile.WriteText(_folder["new/deep/a.txt/b"], "x"));
    }

    [Fact]
    public void Unfinished_files_can_be_swept_when_the_program_is_interrupted()
    {
        using var file = new AtomicFile(_folder["a.txt"]);
        Assert.Single(Directory.GetFiles(_folder.Path));
        AtomicFile.RemoveUnfinished();
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }
}
