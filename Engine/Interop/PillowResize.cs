using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>The native kernel that resamples 8-bit pictures exactly as Pillow does.</summary>
internal static partial class PillowResize
{
    /// <summary>Resamples interleaved bytes [height, width, channels] to [outHeight, outWidth, channels]; the filter is Pillow's code, 0 to 5.</summary>
    internal static void Run(ReadOnlySpan<byte> source, int width, int height, int channels, Span<byte> target, int outWidth, int outHeight, int filter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source.Length, (long)width * height * channels, nameof(source));
        ArgumentOutOfRangeException.ThrowIfLessThan(target.Length, (long)outWidth * outHeight * channels, nameof(target));
        var status = Resize(source, width, height, channels, target, outWidth, outHeight, filter);
        if (status == 2) throw new InsufficientMemoryException($"Resizing {width}x{height} to {outWidth}x{outHeight} needs more memory than there is.");
        if (status != 0)
            throw new ArgumentException($"Cannot resize {width}x{height}x{channels} to {outWidth}x{outHeight} with filter {filter} (status {status}).");
    }

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_resize_u8")]
    private static partial int Resize(
        ReadOnlySpan<byte> source, int width, int height, int channels, Span<byte> target, int outWidth, int outHeight, int filter);
}
