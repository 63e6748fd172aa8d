using Prisma.Core;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>
/// Whether pictures come as fast as a model takes them: JPEG files of 500×375 at quality 95, decoded, resized and normalised as CLIP's, against the
/// forward pass of a ViT-B/32 on the same batch, by turns. Pictures that wait in memory for nothing would be no test: files are read anew each time.
/// <c>--pictures FOLDER</c> takes the pictures of a folder instead, over and over until the batch is full.
/// </summary>
internal static class PictureRate
{
    public const string Verb = "images";

    private const int Batch = 32, Width = 500, Height = 375;

    public static int Run(string[] arguments)
    {
        var at = Array.IndexOf(arguments, "--pictures");
        if (at >= 0 && at + 1 >= arguments.Length) throw new OptionsException("--pictures needs a folder.");
        var given = at < 0 ? null : arguments[at + 1];
        var options = Options.Parse(at < 0 ? arguments : [.. arguments[..at], .. arguments[(at + 2)..]], [Verb]);
        torch.set_num_threads(options.Threads);
        Machine.CountsCpu = options.Cpu;
        Console.WriteLine(Machine.Describe());
        var folder = Directory.CreateTempSubdirectory("prisma-bench-images-").FullName;
        try
        {
            if (given is null)
                for (var k = 0; k < Batch; k++) Picture(k).Save(Path.Combine(folder, $"{k:00}.jpg"));
            File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), Preprocessing);
            var inputs = new PictureInputs([given ?? folder], Preprocess.Load(folder));
            int[] all = [.. Enumerable.Range(0, Batch).Select(k => k % inputs.Count)];
            using var scope = torch.NewDisposeScope();
            using var model = Subject.VitBase(patch: 32);
            using var pixels = inputs.Batch(all)["input"];
            var both = Comparison.ByTurns(options.Rounds, () => Machine.Timed(() => inputs.Batch(all)["input"].Dispose()), () => Machine.Timed(() => model.Run(pixels, HookPlan.Empty).Dispose()));
            var bytes = all.Sum(k => new FileInfo(inputs.NameOf(k)) is { Exists: true } file ? file.Length : 0) / Batch;
            Console.WriteLine(FormattableString.Invariant($"pictures {Batch / both.Ours:0} /s ({bytes / 1000} kB each), ViT-B/32 {Batch / both.Theirs:0} /s"));
            var row = Row.Of($"seconds per picture, source / ViT-B/32, batch {Batch}", both, limit: 1.0);
            Console.WriteLine(row);
            return row.Holds ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Edges, gradients and a little grain, so that a file is as long as a photograph's.
    private static RgbImage Picture(int seed)
    {
        var grain = new Random(seed);
        var pixels = new byte[3 * Width * Height];
        for (var y = 0; y < Height; y++)
            for (var x = 0; x < Width; x++)
                for (var c = 0; c < 3; c++)
                {
                    var edge = ((x / 40) + (y / 30) + seed) % 5 * 25;
                    var wave = 60 * Math.Sin((x * (0.02 + (0.01 * c))) + (y * 0.03) + seed);
                    pixels[(((y * Width) + x) * 3) + c] = (byte)Math.Clamp(90 + edge + wave + grain.Next(-8, 9), 0, 255);
                }
        return new RgbImage(Width, Height, pixels);
    }

    private const string Preprocessing = """
        {"image_processor_type": "CLIPImageProcessor", "do_resize": true, "size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": true,
         "crop_size": {"height": 224, "width": 224}, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true, "do_convert_rgb": true,
         "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
        """;
}
