using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Bench;

/// <summary>
/// A whole training step of sparse coders (forward, backward, Adam) against libtorch's dense step and against the encoder's product alone, the
/// three by turns in one run. Memory is measured in a process of its own that runs the sparse steps only.
/// </summary>
internal static class SaeStep
{
    public const string Verb = "sae-step";

    // Steps of both sides before their parameters are compared, and what they may be apart, as a share of how far they moved: the first steps of
    // Adam are ±rate wherever a gradient is not zero, so rounding shows in parameters whose gradient is nearly none. On few rows: a dense step is slow.
    private const int AgreeAfter = 10, AgreeRows = 256;
    private const double MayDiffer = 0.02;

    public static int Run(string[] arguments)
    {
        var options = SaeStepOptions.Parse(arguments);
        set_num_threads(options.Threads);
        Machine.CountsCpu = options.Cpu;
        if (options.Child)
        {
            RunChild(options);
            return 0;
        }
        var rate = Machine.MatrixProductGflops();
        var report = new JsonObject
        {
            ["threads"] = options.Threads,
            ["blas"] = Machine.LoadedBlas(),
            ["sgemm_gflops"] = Math.Round(rate, 1),
            ["d_in"] = options.Inputs,
            ["d_sae"] = options.Features,
            ["k"] = options.K,
            ["batch"] = options.Rows,
            ["screened"] = ProductScreen.IsFast && !options.Exact,
            ["clock"] = options.Cpu ? "cpu" : "wall",
        };
        if (!options.Json)
            Console.WriteLine(FormattableString.Invariant(
                $"threads {options.Threads}, BLAS {report["blas"]}, sgemm {rate:0} GFLOP/s (2048³), {options.Rows} rows, {options.Inputs} → {options.Features}, k = {options.K}{(options.Cpu ? ", CPU time" : "")}"));
        if (options.Scaling)
        {
            report["scaling"] = SaeStepScaling.Measure(options);
            if (options.Json) Console.WriteLine(report.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            return 0;
        }
        var archs = new JsonObject();
        var agree = true;
        foreach (var arch in options.Archs)
        {
            var figures = Measure(arch, options);
            agree &= (bool)figures["agrees"]!;
            if (!options.Json)
                Console.WriteLine(FormattableString.Invariant(
                    $"{arch,-11} step {(double)figures["step_ms"]!:0} ms = {(double)figures["step_over_product"]!:0.00} × encoder product ({(double)figures["encoder_product_ms"]!:0} ms, {(double)figures["encoder_product_gflops"]!:0} GFLOP/s); dense {(double)figures["dense_step_ms"]!:0} ms = {(double)figures["dense_over_step"]!:0.00} × step; peak {(long)figures["peak_rss"]! >> 20} MiB; L0 {(double)figures["mean_l0"]!:0.0}; differs {(double)figures["disagreement"]!:g2}"));
            archs[arch] = figures;
        }
        report["archs"] = archs;
        if (options.Json)
            Console.WriteLine(report.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        if (!agree)
            Console.Error.WriteLine($"The dense and the sparse step do not agree within {MayDiffer} after {AgreeAfter} steps.");
        return agree ? 0 : 1;
    }

    private static JsonObject Measure(string arch, SaeStepOptions options)
    {
        var disagreement = Disagreement(arch, options);
        using var work = new SaeStepCase(arch, options, alone: false);
        var (sparse, dense, product) = Times(arch, options, work);
        var (step, denseStep, encoder) = (Comparison.Median(sparse), Comparison.Median(dense.Select(each => each.Milliseconds)), Comparison.Median(product));
        var memory = Memory(arch, options);
        return new JsonObject
        {
            ["step_ms"] = Math.Round(step, 2),
            ["dense_step_ms"] = Math.Round(denseStep, 2),
            ["encoder_product_ms"] = Math.Round(encoder, 2),
            ["peak_rss"] = memory.Peak,
            ["peak_rss_before"] = memory.Before,
            ["memory_limit"] = 16L * 2 * options.Features * options.Inputs + 4L * options.Rows * options.Features,
            ["steps"] = sparse.Count,
            ["dense_steps"] = dense.Count,
            ["step_over_product"] = Math.Round(Comparison.Median(sparse.Zip(product, (a, b) => a / b)), 4),
            ["dense_over_step"] = Math.Round(Comparison.Median(dense.Select(each => each.Milliseconds / sparse[each.Round])), 4),
            ["encoder_product_gflops"] = Math.Round(2e-6 * options.Rows * options.Features * options.Inputs / encoder, 1),
            ["spread"] = new JsonObject
            {
                ["step_ms"] = Spread(sparse),
                ["dense_step_ms"] = Spread([.. dense.Select(each => each.Milliseconds)]),
                ["encoder_product_ms"] = Spread(product),
            },
            ["mean_l0"] = Math.Round(work.MeanActive, 2),
            ["disagreement"] = disagreement,
            ["agrees"] = disagreement <= MayDiffer,
        };
    }

    // The three by turns. Where the machine is slow, dense steps are left out of rounds, so that all ends in time: they take longest and vary least.
    private static (List<double> Sparse, List<(int Round, double Milliseconds)> Dense, List<double> Product) Times(
        string arch, SaeStepOptions options, SaeStepCase work)
    {
        List<double> sparse = [], product = [];
        List<(int Round, double Milliseconds)> dense = [];
        var (watch, allowed) = (Stopwatch.StartNew(), options.Seconds / options.Archs.Count);
        double longest = 0, pair = 0;
        for (var round = -1; round < options.Rounds; round++)
        {
            List<Action> turns = [
                () => Note(sparse, round, Machine.Timed(() => work.SparseStep())),
                () => Note(product, round, Machine.Timed(work.EncoderProduct))];
            var late = watch.Elapsed.TotalSeconds + longest + (options.Rounds - round) * pair > allowed;
            if (round == 0 || (round > 0 && !late))
                turns.Add(() =>
                {
                    var seconds = Machine.Timed(() => work.DenseStep());
                    longest = Math.Max(longest, seconds);
                    dense.Add((round, seconds * 1e3));
                });
            // Another one begins each round, so that none always runs in the shadow of the same neighbour.
            for (var k = 0; k < turns.Count; k++) turns[(k + round + turns.Count) % turns.Count]();
            if (round >= 0) pair = (sparse[round] + product[round]) / 1e3;
            Console.Error.WriteLine(FormattableString.Invariant($"{arch}: round {round + 1} of {options.Rounds}, {watch.Elapsed.TotalSeconds:0} s"));
        }
        return (sparse, dense, product);
    }

    private static void Note(List<double> times, int round, double seconds)
    {
        if (round >= 0) times.Add(seconds * 1e3);
    }

    private static double Disagreement(string arch, SaeStepOptions options)
    {
        using var work = new SaeStepCase(arch, options with { Rows = Math.Min(options.Rows, AgreeRows) }, alone: false);
        for (var k = 0; k < AgreeAfter; k++)
        {
            work.SparseStep();
            work.DenseStep();
        }
        return work.Disagreement();
    }

    private static JsonArray Spread(List<double> times) => [Math.Round(times.Min(), 2), Math.Round(times.Max(), 2)];

    private static (long Before, long Peak) Memory(string arch, SaeStepOptions options)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, options.ForChild(arch)) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Insert(0, typeof(SaeStep).Assembly.Location);
        using var child = Process.Start(start)!;
        var answer = child.StandardOutput.ReadToEnd().Trim();
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new PrismaException($"The process whose memory is measured ended with code {child.ExitCode}: its message stands above.");
        var figures = answer.Split(' ').Select(long.Parse).ToArray();
        return (figures[0], figures[1]);
    }

    private static void RunChild(SaeStepOptions options)
    {
        Machine.MatrixProductGflops(512);
        var before = Machine.ResidentBytes();
        using var work = new SaeStepCase(options.Archs[0], options, alone: true);
        for (var k = 0; k < 3; k++) work.SparseStep();
        Console.WriteLine($"{before} {Machine.PeakResidentBytes()}");
    }
}
