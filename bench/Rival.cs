using System.Diagnostics;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Bench;

/// <summary>A Python process with torch loaded, which times the other side of a benchmark on command.</summary>
internal sealed class Rival : IDisposable
{
    private readonly Process _process;

    private Rival(Process process) => _process = process;

    /// <summary>Starts the first Python that has torch: PRISMA_PYTHON, python3 on the path, the system's.</summary>
    /// <param name="threads">Threads of torch and of the BLAS.</param>
    public static Rival Start(int threads)
    {
        foreach (var python in new[] { Environment.GetEnvironmentVariable("PRISMA_PYTHON"), "python3", "/usr/bin/python3" })
        {
            if (string.IsNullOrEmpty(python) || !HasTorch(python))
                continue;
            var rival = new Rival(Process.Start(Command(python, threads, Path.Combine(AppContext.BaseDirectory, "python", "rival.py")))!);
            rival.Ask("threads", $"{threads}");
            return rival;
        }
        throw new PrismaException("The benchmarks compare with Python's torch, and no Python here has it. "
            + "Install it (Debian: python3-torch) or name a Python that has it in PRISMA_PYTHON.");
    }

    public string Version => Ask("version").GetString()!;

    /// <summary>The seconds that a timed command took, measured on the other side.</summary>
    public double Seconds(params string[] command) => Ask(command).GetDouble();

    /// <summary>Sends one command and waits for its answer.</summary>
    public JsonElement Ask(params string[] command)
    {
        _process.StandardInput.WriteLine(string.Join('\t', command));
        _process.StandardInput.Flush();
        var answer = _process.StandardOutput.ReadLine()
            ?? throw new PrismaException($"The Python side of the benchmark ended at '{command[0]}': its message stands above.");
        return JsonSerializer.Deserialize<JsonElement>(answer);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
    }

    private static bool HasTorch(string python)
    {
        try
        {
            var start = Command(python, 1, "-c", "import torch");
            start.RedirectStandardError = true;
            using var probe = Process.Start(start)!;
            probe.WaitForExit();
            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static ProcessStartInfo Command(string python, int threads, params string[] arguments)
    {
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var variable in new[] { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS" })
            start.Environment[variable] = $"{threads}";
        return start;
    }
}
