using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Core.Imaging;

/// <summary>Videos in and out, on files that are written here: frame k of a drawn video is recognised by its brightness and a moving bar.</summary>
public sealed class VideoTests : IDisposable
{
    private const int Frames = 90, Width = 96, Height = 64;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Frames_are_found_by_number_forwards_and_backwards()
    {
        using var source = FrameSource.Open(Written());
        Assert.Equal((Frames, 25.0), (source.Count, source.Rate));
        foreach (var index in new[] { 0, 1, 2, 50, 51, 89, 7, 60, 3, 88 }) Assert.Equal(index, NumberOf(source[index]));
    }

    [Fact]
    public void A_folder_of_pictures_is_a_clip_in_the_order_of_names()
    {
        for (var k = 0; k < 5; k++) Drawn(k * 10).Save(_folder[$"f{k}.png"]);
        using var source = FrameSource.Open(_folder.Path);
        Assert.Equal(5, source.Count);
        Assert.Equal(Drawn(30).Pixels.ToArray(), source[3].Pixels.ToArray());
        RgbImage.Filled(9, 9, 0, 0, 0).Save(_folder["f9.png"]);
        using var odd = FrameSource.Open(_folder.Path);
        _ = odd[0];
        Assert.Contains("Frame 5", Assert.Throws<PrismaException>(() => odd[5]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_decoded_is_said_with_its_frame()
    {
        File.WriteAllBytes(_folder["empty.mp4"], []);
        Assert.Contains("frame 0", Refused("empty.mp4"), StringComparison.Ordinal);
        File.WriteAllText(_folder["words.mp4"], "these are words and no video at all");
        Assert.Contains("no video stream", Refused("words.mp4"), StringComparison.Ordinal);
        Assert.Contains("no such file", Refused("missing.mp4"), StringComparison.Ordinal);
        WriteSilence(_folder["sound.wav"]);
        Assert.Contains("no video stream", Refused("sound.wav"), StringComparison.Ordinal);
        using var source = FrameSource.Open(Written());
        Assert.Contains("no frame 90", Assert.Throws<PrismaException>(() => source[90]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_off_in_the_middle_gives_its_first_frames_and_names_the_first_missing_one()
    {
        // Its header still promises all frames.
        var cut = _folder["cut.avi"];
        WriteAvi(cut);
        var whole = File.ReadAllBytes(cut);
        File.WriteAllBytes(cut, whole[..(whole.Length / 2)]);
        using var source = FrameSource.Open(cut);
        _ = source[0];
        var message = Assert.Throws<PrismaException>(() =>
        {
            for (var k = 0; k < Frames; k++) _ = source[k];
        }).Message;
        Assert.Matches(@"[Ff]rame \d+", message);
    }

    [Fact]
    public void A_moving_gif_is_a_clip_and_a_damaged_one_names_its_frame()
    {
        byte[][] colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];
        File.WriteAllBytes(_folder["moving.gif"], Gif(16, 12, colours));
        using (var source = FrameSource.Open(_folder["moving.gif"]))
        {
            Assert.Equal(4, source.Count);
            foreach (var index in new[] { 0, 3, 1 })
            {
                var pixels = source[index].Pixels;
                for (var channel = 0; channel < 3; channel++) Assert.InRange(pixels[channel] - colours[index][channel], -8, 8);
            }
        }
        File.WriteAllBytes(_folder["cut.gif"], Gif(16, 12, colours)[..40]);
        Assert.Matches("[Ff]rame 0|no video stream", Record.Exception(() =>
        {
            using var cut = FrameSource.Open(_folder["cut.gif"]);
            _ = cut[0];
        }).Message);
    }

    [Fact]
    public void Sampling_spreads_evenly_or_strides()
    {
        Assert.Equal([0, 17, 35, 52], new FrameSampling { Frames = 4 }.Of(70));
        Assert.Equal([0, 0, 1, 1], new FrameSampling { Frames = 4 }.Of(2));
        Assert.Equal([10, 25, 40, 55], new FrameSampling { Frames = 4, Start = 10 }.Of(70));
        Assert.Equal([5, 9, 13, 14], new FrameSampling { Frames = 4, Start = 5, Stride = 4 }.Of(15));
        Assert.Throws<OptionsException>(() => new FrameSampling { Frames = 4, Start = 70 }.Of(70));
        Assert.Throws<OptionsException>(() => new FrameSampling { Frames = 4, Stride = 0 }.Of(70));
    }

    [Fact]
    public void A_clip_has_the_models_axes()
    {
        using var scope = NewDisposeScope();
        var preprocess = new Preprocess { Source = "test", Crop = new CropRule(32, 32, CropRounding.Down), Scaling = new PixelScaling { DivideBy255 = true } };
        var clip = Clip.Load(Written(), new FrameSampling { Frames = 6 }, preprocess);
        Assert.Equal([0, 15, 30, 45, 60, 75], clip.Indices);
        var (first, last) = (clip.ToTensor(ClipOrder.FramesFirst), clip.ToTensor(ClipOrder.ChannelsFirst));
        Assert.Equal([1, 6, 3, 32, 32], first.shape);
        Assert.True(first.transpose(1, 2).Equals(last));
        Assert.Equal(new ImageGeometry(Width, Height, Width, Height, 32, 16, 32, 32), clip.Geometry);
        Assert.False(clip.Repeats);
    }

    [Fact]
    public void Maps_are_straight_between_the_middles_of_time_steps()
    {
        var map = new Heatmap([0, 4, 10, 20], new TokenLayout(0, 2, 1, 2, 8, 8, Tubelet: 4));
        Assert.Equal([0f, 4f], map.AtFrame(0).Values.ToArray());
        Assert.Equal([0f, 4f], map.AtFrame(1.5).Values.ToArray());
        Assert.Equal([5f, 12f], map.AtFrame(3.5).Values.ToArray());
        Assert.Equal([10f, 20f], map.AtFrame(7).Values.ToArray());
        var joined = Heatmap.OverTime([map.AtFrame(0), map.AtFrame(7)]);
        Assert.Equal(map.Values.ToArray(), joined.Values.ToArray());
        Assert.Equal(2, joined.Layout.Frames);
    }

    [Fact]
    public void Files_appear_whole_or_not_at_all()
    {
        var path = _folder["out.mp4"];
        Assert.Throws<InvalidOperationException>(() => VideoFile.Write(path, Enumerable.Range(0, 9).Select(k => k < 5 ? Drawn(k) : throw new InvalidOperationException()), 10));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
        Assert.Throws<PrismaException>(() => VideoFile.Write(path, [], 10));
        VideoFile.Write(path, [RgbImage.Filled(33, 21, 9, 9, 9), RgbImage.Filled(33, 21, 9, 9, 9)], 10);
        using (var source = FrameSource.Open(path)) Assert.Equal((32, 20), (source[0].Width, source[0].Height));
        Assert.Contains("exists", Assert.Throws<PrismaException>(() => VideoFile.Write(path, [Drawn(0)], 10)).Message, StringComparison.Ordinal);
    }

    private string Refused(string name) => Assert.Throws<PrismaException>(() => FrameSource.Open(_folder[name])).Message;

    private string Written()
    {
        var path = _folder["drawn.mp4"];
        if (!File.Exists(path)) VideoFile.Write(path, Enumerable.Range(0, Frames).Select(Drawn), 25);
        return path;
    }

    private static void WriteAvi(string path)
    {
        using var writer = new OpenCvSharp.VideoWriter(path, OpenCvSharp.VideoCaptureAPIs.FFMPEG, OpenCvSharp.FourCC.FromString("MJPG"), 25, new OpenCvSharp.Size(Width, Height));
        Assert.True(writer.IsOpened());
        for (var k = 0; k < Frames; k++)
        {
            using var frame = OpenCvSharp.Mat.FromPixelData(Height, Width, OpenCvSharp.MatType.CV_8UC3, Drawn(k).Pixels.ToArray());
            writer.Write(frame);
        }
    }

    // Seven cells, black or white, spell the number: no codec blurs them away.
    private static RgbImage Drawn(int number)
    {
        var pixels = new byte[3 * Width * Height];
        for (var y = 0; y < Height; y++)
            for (var x = 0; x < Width; x++)
                pixels.AsSpan(3 * (y * Width + x), 3).Fill((number >> (x * 7 / Width) & 1) == 1 ? (byte)235 : (byte)20);
        return new RgbImage(Width, Height, pixels);
    }

    private static int NumberOf(RgbImage frame) => Enumerable.Range(0, 7).Sum(bit => frame[(2 * bit + 1) * Width / 14, Height / 2].G > 128 ? 1 << bit : 0);

    private static void WriteSilence(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("RIFF"u8);
        writer.Write(36 + 16000);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(8000);
        writer.Write(16000);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(16000);
        writer.Write(new byte[16000]);
    }

    // A GIF of plain frames: codes of three bits with a clear code before they would grow, which needs no dictionary.
    private static byte[] Gif(int width, int height, byte[][] colours)
    {
        const int Bits = 2, Clear = 1 << Bits, End = Clear + 1;
        var bytes = new List<byte>();
        void Short(int value) => bytes.AddRange([(byte)value, (byte)(value >> 8)]);
        bytes.AddRange("GIF89a"u8);
        Short(width);
        Short(height);
        bytes.AddRange([0x80 | (Bits - 1), 0, 0]);
        for (var k = 0; k < 1 << Bits; k++) bytes.AddRange(k < colours.Length ? colours[k] : [0, 0, 0]);
        for (var frame = 0; frame < colours.Length; frame++)
        {
            bytes.AddRange([0x21, 0xF9, 4, 4, 10, 0, 0, 0, 0x2C]);
            foreach (var value in new[] { 0, 0, width, height }) Short(value);
            bytes.AddRange([0, Bits]);
            var (codes, held, packed) = (0, 0, new List<byte>());
            void Code(int code)
            {
                codes |= code << held;
                for (held += Bits + 1; held >= 8; held -= 8, codes >>= 8) packed.Add((byte)codes);
            }
            for (var pixel = 0; pixel < width * height; pixel++)
            {
                if (pixel % 2 == 0) Code(Clear);
                Code(frame);
            }
            Code(End);
            if (held > 0) packed.Add((byte)codes);
            foreach (var part in packed.Chunk(255)) bytes.AddRange([(byte)part.Length, .. part]);
            bytes.Add(0);
        }
        bytes.Add(0x3B);
        return [.. bytes];
    }
}
