using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli.Commands;

/// <summary>Lists the models that are known by name.</summary>
internal sealed class ModelsCommand : Verb
{
    internal override string Name => "models";

    internal override string Description =>
        "Lists the models that are known by name, with their sizes and how far each entry was checked. Models that are not listed load just as well: by path or by owner/name.\n"
        + "Example: prisma models --family clip --search large";

    internal override void Fill(Command command, Terminal terminal)
    {
        var family = new Option<string?>("--family") { HelpName = "F", Description = "Only models of this family" };
        var search = new Option<string?>("--search") { HelpName = "TEXT", Description = "Only models whose name holds all of these words" };
        command.Options.Add(family);
        command.Options.Add(search);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            var found = Find(Registry.Default, parsed.GetValue(family), parsed.GetValue(search));
            if (parsed.GetValue(json))
                terminal.Json(found.Select(ModelRecord.Of));
            else
                terminal.Table(["name", "family", "parameters", "image", "patch", "d_model", "layers", "heads", "verified"], found.Select(IReadOnlyList<string> (model) =>
                [
                    model.Name, model.Architecture.Family + (Models.IsBuilt(model) ? "" : " (not built)"), ModelRecord.Count(model.Architecture.Parameters),
                    $"{model.Architecture.Image}", $"{model.Architecture.Patch}", $"{model.Architecture.DModel}", $"{model.Architecture.Layers}", $"{model.Architecture.Heads}", $"{model.Verified.ToString().ToLowerInvariant()}",
                ]));
            return ExitCode.Good;
        });
    }

    private static List<RegisteredModel> Find(Registry registry, string? family, string? search)
    {
        if (family is not null && !registry.Families.ContainsKey(family))
            throw new OptionsException($"There is no family '{family}'. Known: {string.Join(", ", registry.Families.Keys)}.");
        var words = (search ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var found = registry.Models.Where(model => (family is null || model.Architecture.Family == family)
            && words.All(word => model.Aliases.Prepend(model.Name).Any(name => name.Contains(word, StringComparison.OrdinalIgnoreCase)))).ToList();
        return found.Count > 0
            ? found
            : throw new OptionsException($"No known model is called so{(family is null ? "" : $" in the family {family}")}. Nearest: {string.Join(", ", registry.Suggest(search ?? "", coders: false))}.");
    }
}
