namespace Prisma.Bench;

/// <summary>Load and first forward pass of a 350 MB checkpoint that no cache holds, against the least possible: reading the file and one forward pass.</summary>
internal static class CheckpointLoad
{
    public static IEnumerable<Row> Run(Workload work, Rival rival)
    {
        var forward = WarmForward(work);
        var disk = new List<long>();
        var both = Comparison.ByTurns(work.Rounds,
            () => Cold(work, rival, disk, () => { using var model = work.Load(); model.Forward(); }),
            () => Cold(work, rival, disk, () => ReadThrough(work.WeightFile)) + forward);
        yield return Row.Of($"cold load + first forward / cold read + forward, {disk.Min() >> 20} MB from disk", both, limit: 1.5);
    }

    private static double WarmForward(Workload work)
    {
        using var model = work.Load();
        return Comparison.Median(Enumerable.Range(0, work.Rounds).Select(_ => Machine.Elapsed(model.Forward)));
    }

    private static double Cold(Workload work, Rival rival, List<long> disk, Action action)
    {
        rival.Ask("forget", work.WeightFile);
        var before = Machine.BytesReadFromDisk();
        var seconds = Machine.Elapsed(action);
        disk.Add(Machine.BytesReadFromDisk() - before);
        return seconds;
    }

    private static void ReadThrough(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        var buffer = new byte[8 << 20];
        while (file.Read(buffer) > 0)
        {
        }
    }
}
