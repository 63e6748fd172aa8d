using System.Runtime.InteropServices;
using Prisma.Cli;
using Prisma.Core;

Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    Stop("Ctrl-C");
};
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    Stop("a termination signal");
});
return CommandLine.Run(args, Console.Out, Console.Error);

static void Stop(string by)
{
    if (Interruption.Ask())
    {
        Console.Error.WriteLine($"Told to stop by {by}: ending after this step. The same again ends at once.");
        return;
    }
    Console.Error.WriteLine($"Stopped by {by}. Nothing half-written was left behind.");
    Interruption.End(ExitCode.BadInput);
}
