using Prisma.Core;

namespace Prisma.Tests.Core;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("10GB", 10_000_000_000)]
    [InlineData("1.5 GiB", 1_610_612_736)]
    [InlineData("500mb", 500_000_000)]
    [InlineData("2K", 2000)]
    [InlineData("77", 77)]
    [InlineData("8 B", 8)]
    public void Sizes_are_read(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("10 parsecs")]
    [InlineData("-3GB")]
    [InlineData("1.2.3GB")]
    [InlineData("9999999PB")]
    public void What_is_no_size_is_refused(string text) => Assert.Throws<OptionsException>(() => ByteSize.Parse(text));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.00 kB")]
    [InlineData(50_000, "50.0 kB")]
    [InlineData(999_600, "1.00 MB")]
    [InlineData(123_456_789, "123 MB")]
    public void Sizes_are_written_with_three_digits(long bytes, string text) => Assert.Equal(text, ByteSize.Text(bytes));
}
