using Prisma.Cli;

namespace Prisma.Tests.Cli;

/// <summary>Runs the command line as a user does, with its two streams caught.</summary>
internal static class VerbRun
{
    internal static (int Code, string Errors, string Output) Of(params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        return (CommandLine.Run(args, output, errors), errors.ToString(), output.ToString());
    }
}
