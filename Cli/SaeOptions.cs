using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Options of verbs that open a sparse coder.</summary>
internal sealed class SaeOptions
{
    private readonly Option<string?> _select = new("--select") { HelpName = "threshold|batch", Description = "How batch-wise trained coders select; default: the stored threshold" };
    private readonly Option<string?> _convention = new("--convention") { HelpName = "NAME", Description = "Whose convention, where a format has several" };
    private readonly Option<string[]> _set = new("--set") { HelpName = "KEY=VALUE", Description = "What the file leaves open" };

    internal SaeOptions(Command command)
    {
        command.Options.Add(_select);
        command.Options.Add(_convention);
        command.Options.Add(_set);
    }

    internal static Option<string?> Sae(Command to, bool required = true)
    {
        var option = new Option<string?>("--sae") { Required = required, HelpName = "PATH_OR_ID", Description = Named.Coder };
        to.Options.Add(option);
        return option;
    }

    internal CoderOptions Read(ParseResult parsed) => new()
    {
        Convention = parsed.GetValue(_convention),
        Select = parsed.GetValue(_select) switch
        {
            null => null,
            "threshold" => Selection.Threshold,
            "batch" => Selection.Batch,
            var other => throw new OptionsException($"--select {other}: expected threshold or batch."),
        },
        Set = (parsed.GetValue(_set) ?? []).Select(pair => pair.Split('=', 2)).ToDictionary(
            pair => pair[0], pair => pair.Length == 2 ? pair[1] : throw new OptionsException($"--set {pair[0]}: expected key=value."), StringComparer.Ordinal),
    };

    /// <summary>What was opened, and what its format defines without saying it.</summary>
    internal static void Describe(CoderCard card, Terminal terminal)
    {
        var places = card.Origin.HookName.Length > 0 ? $", {card.Origin.HookName}" : "";
        terminal.Remark($"{card.Origin.Format}: {card.Architecture}, {card.Inputs} -> {card.Features} -> {card.Outputs}{places}");
        foreach (var line in card.Origin.ByFormat) terminal.Remark($"by format: {line}");
    }
}
