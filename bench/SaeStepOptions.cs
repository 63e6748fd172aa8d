using Prisma.Core;

namespace Prisma.Bench;

/// <summary>The command line of <c>bench sae-step</c>.</summary>
/// <param name="Json">Print one JSON object and nothing else.</param>
/// <param name="Inputs">Width of the rows.</param>
/// <param name="Features">Number of features.</param>
/// <param name="K">Active features per row.</param>
/// <param name="Rows">Rows of a batch.</param>
/// <param name="Threads">Threads of everything.</param>
/// <param name="Rounds">Timed rounds.</param>
/// <param name="Seconds">How long the rounds may take together, as far as leaving out dense steps can bring it about.</param>
/// <param name="Scaling">Measure the TopK step at several sizes instead.</param>
/// <param name="Cpu">Count the process's CPU seconds: for a busy machine, with one thread.</param>
/// <param name="Exact">No approximate products, also where they are faster.</param>
/// <param name="Archs">What to measure.</param>
/// <param name="Child">Only run the sparse steps and print memory: how this program measures itself.</param>
internal sealed record SaeStepOptions(
    bool Json, int Inputs, int Features, int K, int Rows, int Threads, int Rounds, int Seconds, bool Scaling, bool Cpu, bool Exact, IReadOnlyList<string> Archs, bool Child)
{
    public static SaeStepOptions Parse(string[] arguments)
    {
        var options = new SaeStepOptions(false, 768, 16384, 32, 4096, Environment.ProcessorCount, 7, 200, false, false, false, SaeStepCase.Names, false);
        for (var i = 0; i < arguments.Length; i++)
            options = arguments[i] switch
            {
                "--json" => options with { Json = true },
                "--cpu" => options with { Cpu = true },
                "--exact" => options with { Exact = true },
                "--child" => options with { Child = true },
                "--d-in" => options with { Inputs = Number(arguments, ref i) },
                "--d-sae" => options with { Features = Number(arguments, ref i) },
                "--k" => options with { K = Number(arguments, ref i) },
                "--batch" => options with { Rows = Number(arguments, ref i) },
                "--threads" => options with { Threads = Number(arguments, ref i) },
                "--rounds" => options with { Rounds = Number(arguments, ref i) },
                "--seconds" => options with { Seconds = Number(arguments, ref i) },
                "--scaling" => options with { Scaling = true },
                "--archs" => options with { Archs = Known(arguments, ref i) },
                var other => throw new OptionsException(
                    $"'{other}' is no option of bench sae-step: --json, --d-in N, --d-sae N, --k N, --batch N, --threads N, --rounds N, --seconds N, --scaling, --cpu, --exact, --archs {string.Join(",", SaeStepCase.Names)}."),
            };
        if (options.K > options.Features)
            throw new OptionsException($"--k {options.K} is more than --d-sae {options.Features}.");
        return options.Rounds < 7 && !options.Child ? throw new OptionsException($"--rounds {options.Rounds} is too few for a median: at least 7.") : options;
    }

    /// <summary>The arguments by which a process of its own measures one architecture's memory.</summary>
    public IEnumerable<string> ForChild(string arch) =>
        [SaeStep.Verb, "--child", "--d-in", $"{Inputs}", "--d-sae", $"{Features}", "--k", $"{K}", "--batch", $"{Rows}", "--threads", $"{Threads}", "--archs", arch,
            .. Exact ? ["--exact"] : Array.Empty<string>()];

    private static int Number(string[] arguments, ref int i) =>
        ++i < arguments.Length && int.TryParse(arguments[i], out var value) && value > 0
            ? value
            : throw new OptionsException($"{arguments[i - 1]} needs a whole number above zero.");

    private static string[] Known(string[] arguments, ref int i)
    {
        var names = ++i < arguments.Length ? arguments[i].Split(',') : throw new OptionsException("--archs needs names.");
        return names.Except(SaeStepCase.Names).FirstOrDefault() is { } unknown
            ? throw new OptionsException($"There is no architecture '{unknown}' to measure: {string.Join(", ", SaeStepCase.Names)}.")
            : names;
    }
}
