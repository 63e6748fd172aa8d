using Prisma.Core;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>
/// Prints ratios of things measured by turns in one run. Names of benchmarks choose some of them; the exit code is 1 if a limit is missed.
/// <c>sae-step</c>, <c>patching</c>, <c>images</c>, <c>cache-memory</c> and <c>unet-memory</c> stand alone: they need no Python.
/// </summary>
internal static class Program
{
    private static readonly string[] Names = ["call", "forward", "recording", "load", "memory", "video", "unet", "text"];

    private static int Main(string[] arguments)
    {
        try
        {
            if (arguments is [ResidentMemory.ChildVerb, var folder, var childThreads])
            {
                torch.set_num_threads(int.Parse(childThreads));
                ResidentMemory.RunChild(folder);
                return 0;
            }
            if (arguments is [SaeStep.Verb, .. var further])
                return SaeStep.Run(further);
            if (arguments is [PatchingCost.Verb, .. var more])
                return PatchingCost.Run(more);
            if (arguments is [PictureRate.Verb, .. var pictures])
                return PictureRate.Run([PictureRate.Verb, .. pictures]);
            if (arguments is [CacheMemory.Verb, .. var kept])
                return CacheMemory.Run([CacheMemory.Verb, .. kept]);
            if (arguments is [UnetMemory.Verb, .. var dtype])
                return UnetMemory.Run(dtype);
            return Run(Options.Parse(arguments, Names));
        }
        catch (PrismaException e)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }

    private static int Run(Options options)
    {
        torch.set_num_threads(options.Threads);
        Machine.CountsCpu = options.Cpu;
        using var rival = Rival.Start(options.Threads);
        if (options.Cpu)
            rival.Ask("cpu");
        Console.WriteLine($"{Machine.Describe()}; Python torch {rival.Version}; {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC");
        using var work = options.Names.Any(n => n is not ("call" or "video" or "unet" or "text")) ? Workload.Write(rival, options.Rounds) : null;
        var missed = 0;
        foreach (var row in options.Names.SelectMany(name => Rows(name, rival, work!, options)))
        {
            Console.WriteLine(row);
            missed += row.Holds ? 0 : 1;
        }
        return missed == 0 ? 0 : 1;
    }

    private static IEnumerable<Row> Rows(string name, Rival rival, Workload work, Options options) => name switch
    {
        "call" => CallOverhead.Run(rival),
        "forward" => VitForward.Run(work, rival),
        "recording" => RecordingCost.Run(work),
        "load" => CheckpointLoad.Run(work, rival),
        "video" => VideoForward.Run(options.Rounds, rival),
        "unet" => UnetForward.Run(rival, options.Rounds),
        "text" => TextForward.Run(rival, options.Rounds),
        _ => ResidentMemory.Run(work, options.Threads),
    };
}
