using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>Checksums that git and sha256sum print.</summary>
public sealed class HubDigestTests
{
    [Theory]
    [InlineData("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")]
    [InlineData("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("hello\n", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")]
    public void The_content_that_a_checksum_names_is_known(string content, string checksum)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(content);
        using var right = new HubDigest(checksum, bytes.Length);
        foreach (var one in bytes) right.Append([one]);
        Assert.Null(right.Mismatch());
        using var wrong = new HubDigest(checksum, bytes.Length);
        wrong.Append([.. bytes, 0]);
        Assert.NotNull(wrong.Mismatch());
    }

    [Fact]
    public void Names_that_are_no_checksums_are_not_compared()
    {
        using var digest = new HubDigest("a-name-of-another-server", 3);
        digest.Append([1]);
        Assert.Null(digest.Mismatch());
    }
}
