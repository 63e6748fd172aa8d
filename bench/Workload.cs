using System.Runtime.InteropServices;

namespace Prisma.Bench;

/// <summary>The checkpoint and pixels that the model benchmarks share: a ViT-B/16 with random weights, written once per run and deleted after it.</summary>
internal sealed class Workload : IDisposable
{
    public const int Batch = 8;

    private Workload(string folder, int rounds)
    {
        Folder = folder;
        Rounds = rounds;
    }

    public string Folder { get; }

    public int Rounds { get; }

    public string WeightFile => Path.Combine(Folder, "model.safetensors");

    public string PixelFile => Path.Combine(Folder, "pixels.f32");

    public static Workload Write(Rival rival, int rounds)
    {
        var work = new Workload(Directory.CreateTempSubdirectory("prisma-bench-").FullName, rounds);
        rival.Ask("checkpoint", work.Folder);
        File.WriteAllBytes(work.PixelFile, MemoryMarshal.AsBytes(Subject.Pixels(Batch).AsSpan()).ToArray());
        return work;
    }

    public Subject Load() => Subject.Load(Folder, Batch);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
