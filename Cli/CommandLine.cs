using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>Builds the verbs, runs one, and turns what went wrong into a sentence and an exit code. The only place that catches all.</summary>
internal static class CommandLine
{
    internal static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        var debug = new Option<bool>("--debug") { Recursive = true, Description = "Show the stack trace of an error" };
        var root = Build(new Terminal(output, errors), debug);
        var parsed = root.Parse(args);
        if (parsed.Action is not System.CommandLine.Help.HelpAction && Faults(parsed) is { Count: > 0 } faults)
        {
            foreach (var fault in faults) errors.WriteLine(fault);
            errors.WriteLine($"'prisma {string.Join(' ', Words(parsed))}--help' shows the options and an example.");
            return ExitCode.BadInput;
        }
        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = errors, ProcessTerminationTimeout = null });
        }
        catch (Exception error)
        {
            var (code, sentence) = Explain(error);
            errors.WriteLine(sentence);
            if (parsed.GetValue(debug)) errors.WriteLine(error);
            return code;
        }
    }

    private static RootCommand Build(Terminal terminal, Option<bool> debug)
    {
        var root = new RootCommand("Prisma.Net: reads, edits and explains what vision models compute.\nThe script ./prisma also knows build, test and bench.") { debug };
        var verbs = typeof(Verb).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Verb)) && !type.IsAbstract)
            .Select(type => (Verb)Activator.CreateInstance(type)!).OrderBy(verb => verb.Name, StringComparer.Ordinal);
        foreach (var verb in verbs)
        {
            var words = verb.Name.Split(' ');
            Command group = root;
            foreach (var word in words[..^1])
            {
                var next = group.Subcommands.FirstOrDefault(command => command.Name == word);
                if (next is null) group.Subcommands.Add(next = new Command(word, $"Verbs on {word} files"));
                group = next;
            }
            var command = group.Subcommands.FirstOrDefault(known => known.Name == words[^1]);
            if (command is null) group.Subcommands.Add(command = new Command(words[^1]));
            command.Description = verb.Description;
            verb.Fill(command, terminal);
        }
        return root;
    }

    private static List<string> Faults(ParseResult parsed)
    {
        var first = parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash).ToList();
        // A verb that takes words would take an unknown option for one of them.
        var strays = first.Where(token => token.Type == TokenType.Argument && token.Value.StartsWith("--", StringComparison.Ordinal)).Select(token => token.Value).ToList();
        if (strays.Count > 0) return [.. strays.Select(stray => $"There is no option '{stray}' here. A word that begins with a dash goes behind '--'.")];
        if (parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count > 0 && parsed.Errors.Count > 0)
            return [$"There is no verb '{parsed.UnmatchedTokens[0]}'. Known: {string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(command => command.Name))}."];
        return [.. parsed.Errors.Select(error => error.Message)];
    }

    private static string Words(ParseResult parsed)
    {
        var words = new List<string>();
        for (var at = parsed.CommandResult; at.Parent is System.CommandLine.Parsing.CommandResult above; at = above) words.Insert(0, at.Command.Name);
        return words.Count == 0 ? "" : string.Join(' ', words) + " ";
    }

    private static (int Code, string Sentence) Explain(Exception error) => error switch
    {
        PrismaException => (ExitCode.BadInput, error.Message),
        FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException => (ExitCode.BadInput, error.Message),
        IOException => (ExitCode.BadInput, $"Reading or writing failed: {error.Message}"),
        OutOfMemoryException => (ExitCode.BadInput, "There is not enough memory for this; try a smaller batch."),
        ExternalException => (ExitCode.OwnFault, $"libtorch refused: {FirstLine(error.Message)} (--debug shows where)"),
        DllNotFoundException => (ExitCode.OwnFault, $"A native library did not load: {FirstLine(error.Message)} Run './prisma build' again."),
        TypeInitializationException { InnerException: { } inner } => Explain(inner),
        _ => (ExitCode.OwnFault, $"This is a fault of Prisma.Net, not of your input: {error.GetType().Name}: {FirstLine(error.Message)} (--debug shows where)"),
    };

    private static string FirstLine(string text) => text.Split('\n')[0];
}
