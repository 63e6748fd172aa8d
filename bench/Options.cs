using Prisma.Core;

namespace Prisma.Bench;

/// <summary>What the command line says.</summary>
/// <param name="Names">Benchmarks to run, in order.</param>
/// <param name="Threads">Threads of both sides.</param>
/// <param name="Rounds">Rounds of each comparison of models.</param>
/// <param name="Cpu">Count CPU seconds instead of the clock's.</param>
internal sealed record Options(IReadOnlyList<string> Names, int Threads, int Rounds, bool Cpu)
{
    public static Options Parse(string[] arguments, IReadOnlyList<string> known)
    {
        var names = new List<string>();
        var (threads, rounds, cpu) = (Environment.ProcessorCount, 7, false);
        for (var i = 0; i < arguments.Length; i++)
            switch (arguments[i])
            {
                case "--threads":
                    threads = Number(arguments, ref i);
                    break;
                case "--rounds":
                    rounds = Number(arguments, ref i);
                    break;
                case "--cpu":
                    cpu = true;
                    break;
                case var name when known.Contains(name):
                    names.Add(name);
                    break;
                default:
                    throw new OptionsException($"'{arguments[i]}' is no benchmark and no option. Benchmarks: {string.Join(", ", known)}; options: --threads N, --rounds N, --cpu.");
            }
        return new(names.Count == 0 ? known : names, threads, rounds, cpu);
    }

    private static int Number(string[] arguments, ref int i) =>
        ++i < arguments.Length && int.TryParse(arguments[i], out var value) && value > 0
            ? value
            : throw new OptionsException($"{arguments[i - 1]} needs a whole number above zero.");
}
