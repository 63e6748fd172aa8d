using OpenCvSharp;

namespace Prisma.Core;

/// <summary>Writes frames as an MP4 that browsers play (H.264) or, where OpenCV's FFmpeg has no encoder for it, as MPEG-4 part 2.</summary>
public static class VideoFile
{
    private static readonly string[] s_codecs = ["avc1", "mp4v"];

    /// <summary>Writes an .mp4 file; it appears complete or not at all.</summary>
    /// <param name="path">Where.</param>
    /// <param name="frames">Pictures of one size, taken one after the other: nothing is kept. An odd side loses its last pixel, as the codecs need.</param>
    /// <param name="rate">Frames per second, above 0.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <exception cref="PrismaException">There is no frame, frames differ in size, or the place or the codecs refuse.</exception>
    public static void Write(string path, IEnumerable<RgbImage> frames, double rate, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (!string.Equals(Path.GetExtension(path), ".mp4", StringComparison.OrdinalIgnoreCase))
            throw new PrismaException($"Cannot write the video '{path}': '{Path.GetExtension(path)}' is not .mp4.");
        if (!(rate > 0) || !double.IsFinite(rate)) throw new OptionsException($"A video has a rate above 0 frames per second, got {rate}.");
        AtomicFile.WriteNamed(path, temporary => Encode(path, temporary, frames, rate), existing);
    }

    private static void Encode(string path, string temporary, IEnumerable<RgbImage> frames, double rate)
    {
        VideoWriter? writer = null;
        try
        {
            using var bgr = new Mat();
            var (width, height) = (0, 0);
            foreach (var (k, frame) in frames.Index())
            {
                if (writer is null)
                {
                    (width, height) = (frame.Width, frame.Height);
                    if (width < 2 || height < 2) throw new ShapeException($"A video needs frames of at least 2x2, got {width}x{height}.");
                    writer = Open(path, temporary, rate, new Size(width & ~1, height & ~1));
                }
                if (frame.Width != width || frame.Height != height)
                    throw new ShapeException($"Cannot write the video '{path}': frame {k} is {frame.Width}x{frame.Height}, the frames before it are {width}x{height}.");
                using var rgb = Mat.FromPixelData(height, width, MatType.CV_8UC3, frame.Pixels.ToArray());
                Cv2.CvtColor(rgb, bgr, ColorConversionCodes.RGB2BGR);
                using var even = bgr.SubMat(new Rect(0, 0, width & ~1, height & ~1));
                writer.Write(even);
            }
            if (writer is null) throw new PrismaException($"Cannot write the video '{path}': there is no frame.");
        }
        finally
        {
            writer?.Dispose();
        }
    }

    private static VideoWriter Open(string path, string temporary, double rate, Size size)
    {
        foreach (var codec in s_codecs)
        {
            var writer = new VideoWriter(temporary, VideoCaptureAPIs.FFMPEG, FourCC.FromString(codec), rate, size);
            if (writer.IsOpened()) return writer;
            writer.Dispose();
        }
        throw new PrismaException($"Cannot write the video '{path}': OpenCV's FFmpeg has an encoder neither for H.264 nor for MPEG-4, or the place cannot be written.");
    }
}
