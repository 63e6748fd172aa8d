using System.Diagnostics;
using System.Text.RegularExpressions;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>What decides every speed figure: threads, the BLAS that is really loaded, and how fast it multiplies.</summary>
internal static partial class Machine
{
    /// <summary>One line for the head of the report. Multiplies once, so that the BLAS is loaded before it is looked for.</summary>
    public static string Describe()
    {
        var rate = MatrixProductGflops();
        return FormattableString.Invariant(
            $"threads {torch.get_num_threads()}, BLAS {LoadedBlas()}, sgemm {rate:0} GFLOP/s (2048³), libtorch {LoadedLibtorch()}{(CountsCpu ? ", CPU seconds" : "")}");
    }

    /// <summary>Median rate of a square single-precision product into an existing matrix.</summary>
    public static double MatrixProductGflops(int n = 2048)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var a = torch.ones(n, n);
        var b = torch.ones(n, n);
        var seconds = Enumerable.Range(0, 6).Select(_ => Timed(() => a.mm(b).Dispose())).Skip(1);
        return 2.0 * n * n * n / Comparison.Median(seconds) / 1e9;
    }

    /// <summary>Whether <see cref="Timed"/> counts this process's CPU seconds instead of the clock's: on a busy machine, with one thread.</summary>
    public static bool CountsCpu { get; set; }

    /// <summary>Seconds that an action takes, by the clock or in CPU time.</summary>
    public static double Timed(Action action)
    {
        if (!CountsCpu)
            return Elapsed(action);
        var before = CpuTime();
        action();
        return (CpuTime() - before).TotalSeconds;
    }

    /// <summary>Seconds that an action takes by the clock: where waiting for storage counts.</summary>
    public static double Elapsed(Action action)
    {
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalSeconds;
    }

    /// <summary>Bytes of this process that are resident now.</summary>
    public static long ResidentBytes() => Status("VmRSS");

    /// <summary>Most bytes of this process that were ever resident.</summary>
    public static long PeakResidentBytes() => Status("VmHWM");

    /// <summary>Bytes that this process has had fetched from storage, past the page cache, mapped pages included.</summary>
    public static long BytesReadFromDisk() =>
        long.Parse(File.ReadLines("/proc/self/io").First(l => l.StartsWith("read_bytes:", StringComparison.Ordinal)).Split(':')[1]);

    private static TimeSpan CpuTime()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime;
    }

    private static long Status(string field) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(field + ":", StringComparison.Ordinal)).Split(':', 'k')[1]);

    // A generic libblas may be mapped only as the door to a named library.
    /// <summary>The file of the BLAS in use.</summary>
    public static string LoadedBlas() => Mapped(NamedBlas()) ?? Mapped(GenericBlas()) ?? "unknown";

    private static string LoadedLibtorch() => Mapped(Libtorch()) ?? "unknown";

    // The files behind the mappings, links resolved: libblas.so.3 may be any of several libraries.
    private static string? Mapped(Regex name)
    {
        var files = File.ReadLines("/proc/self/maps")
            .Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .Where(path => name.IsMatch(path))
            .Distinct()
            .Select(path => Path.GetFileName(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path))
            .Distinct()
            .ToList();
        return files.Count == 0 ? null : string.Join(" + ", files);
    }

    [GeneratedRegex(@"/lib(openblas|mkl_core|mkl_rt|blis|atlas)[^/]*\.so[^/]*$")]
    private static partial Regex NamedBlas();

    [GeneratedRegex(@"/libblas[^/]*\.so[^/]*$")]
    private static partial Regex GenericBlas();

    [GeneratedRegex(@"/libtorch_cpu[^/]*\.so[^/]*$")]
    private static partial Regex Libtorch();
}
