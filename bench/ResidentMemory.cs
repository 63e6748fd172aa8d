using System.Diagnostics;
using Prisma.Core;

namespace Prisma.Bench;

/// <summary>Memory that loading a checkpoint and one forward pass add to a fresh process, against the bytes of the weights.</summary>
internal static class ResidentMemory
{
    /// <summary>The verb under which this program starts itself to be measured.</summary>
    public const string ChildVerb = "resident-child";

    public static IEnumerable<Row> Run(Workload work, int threads)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [ChildVerb, work.Folder, $"{threads}"]) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Insert(0, typeof(ResidentMemory).Assembly.Location);
        using var child = Process.Start(start)!;
        var answer = child.StandardOutput.ReadToEnd().Trim();
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new PrismaException($"The process whose memory is measured ended with code {child.ExitCode}: its message stands above.");
        var figures = answer.Split(' ').Select(double.Parse).ToArray();
        var (weights, before, after, peak) = (new FileInfo(work.WeightFile).Length / 1e6, figures[0] / 1e6, figures[1] / 1e6, figures[2] / 1e6);
        yield return new Row("resident memory added by load + forward / weights",
            FormattableString.Invariant($"{after - before:0} MB (at most {peak - before:0}) for {weights:0} MB of weights; {before:0} MB before"),
            (after - before) / weights, Limit: 1.2);
    }

    /// <summary>What the measured process does: prints its resident bytes before, after, and the most it ever had.</summary>
    public static void RunChild(string folder)
    {
        Machine.MatrixProductGflops(512);
        var before = Machine.ResidentBytes();
        using var model = Subject.Load(folder, batch: 1);
        model.Forward();
        Console.WriteLine($"{before} {Machine.ResidentBytes()} {Machine.PeakResidentBytes()}");
    }
}
