using System.Runtime.InteropServices;
using Prisma.Cli;
using Prisma.Core;

Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    Stop("Stopped by Ctrl-C. Nothing half-written was left behind.");
};
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    Stop("Stopped by a termination signal. Nothing half-written was left behind.");
});
return CommandLine.Run(args, Console.Out, Console.Error);

static void Stop(string why)
{
    Console.Error.WriteLine(why);
    Interruption.End(ExitCode.BadInput);
}
