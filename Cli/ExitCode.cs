namespace Prisma.Cli;

/// <summary>What the program says to scripts.</summary>
internal static class ExitCode
{
    internal const int Good = 0;
    internal const int OwnFault = 1;
    internal const int BadInput = 2;
}
