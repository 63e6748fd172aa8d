using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli.Commands;

/// <summary>Tells all that is known of one model before it is fetched.</summary>
internal sealed class ModelsShowCommand : Verb
{
    private const int CodersShown = 24;

    internal override string Name => "models show";

    internal override string Description =>
        "Shows one known model: its sizes, what its weights take in memory, its places with their shapes (where the family is built; no weights are needed), and the published sparse coders that fit it.\n"
        + "Any other checkpoint folder or owner/name of the hub is described by its own configuration.\n"
        + "Example: prisma models show openai/clip-vit-base-patch32";

    internal override void Fill(Command command, Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "A name of 'prisma models', a checkpoint folder, or owner/name of the hub" };
        command.Arguments.Add(name);
        var all = new Option<bool>("--all") { Description = "List every place and every coder" };
        command.Options.Add(all);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            var registry = Registry.Default;
            if (registry.FindModel(parsed.GetValue(name)!) is not { } model)
            {
                ShowUnlisted(parsed.GetValue(name)!, parsed.GetValue(all), parsed.GetValue(json), terminal);
                return ExitCode.Good;
            }
            using var outline = Models.Outline(model);
            var places = outline?.Points.Select(point => (Name: point.Site.ToString(), Shape: SiteShape.Of(point, model.Architecture.Staged ? null : model.Architecture))).ToList() ?? [];
            var coders = registry.CodersOf(model).ToList();
            if (parsed.GetValue(json))
                terminal.Json(new
                {
                    model = ModelRecord.Of(model),
                    memory = model.Architecture.Parameters is { } parameters ? ModelRecord.Memory(parameters) : null,
                    sites = places.Select(place => new { name = place.Name, shape = place.Shape }),
                    coders = coders.Select(coder => new { coder.Name, coder.Kind, coder.Format, coder.Hook, coder.Writes, coder.DSae, coder.K, coder.L0, coder.Tokens, verified = coder.Verified.ToString().ToLowerInvariant() }),
                });
            else
                Print(terminal, registry, model, places, coders, parsed.GetValue(all));
            return ExitCode.Good;
        });
    }

    private static void ShowUnlisted(string name, bool all, bool json, Terminal terminal)
    {
        using var outline = Models.Catalog.Outline(Named.Folder(name, terminal, ModelNeeds.Settings));
        var places = outline.Points.Select(point => (Name: point.Site.ToString(), Shape: SiteShape.Of(point, null))).ToList();
        if (json)
        {
            terminal.Json(new { outline.Card.Name, outline.Card.Family, parameters = outline.ParameterCount, memory = ModelRecord.Memory(outline.ParameterCount), sites = places.Select(place => new { name = place.Name, shape = place.Shape }) });
            return;
        }
        terminal.Line($"{outline.Card.Name}: family {outline.Card.Family}, {outline.ParameterCount:n0} parameters by its configuration ({Memory(outline.ParameterCount)}); it is not in the registry.");
        PrintPlaces(terminal, places, all);
    }

    private static string Memory(long parameters) => string.Join(", ", ModelRecord.Memory(parameters).Select(type => $"{type.Key} {ByteSize.Text(type.Value)}"));

    // One block stands for all.
    private static void PrintPlaces(Terminal terminal, List<(string Name, string Shape)> places, bool all)
    {
        terminal.Line("");
        var shown = all ? places : [.. places.Where(place => !place.Name.Contains("blocks.", StringComparison.Ordinal) || place.Name.Contains("blocks.0.", StringComparison.Ordinal))];
        terminal.Table([all ? "place" : $"place (one block shown of each stack; --all: {places.Count})", "shape"], shown.Select(place => new[] { place.Name, place.Shape }));
    }

    private static void Print(Terminal terminal, Registry registry, RegisteredModel model, List<(string Name, string Shape)> places, List<RegisteredCoder> coders, bool all)
    {
        var sizes = model.Architecture;
        var built = Models.IsBuilt(model);
        foreach (var (what, value) in new (string, string?)[]
        {
            ("name", model.Name),
            ("also", model.Aliases.Count == 0 ? null : string.Join(", ", model.Aliases)),
            ("hub", model.Hub is null ? $"not there; {model.Elsewhere}" : $"{model.Hub} ({model.File})"),
            ("family", $"{sizes.Family}: {registry.Families[sizes.Family]}{(built ? "" : "; not built yet")}"),
            ("licence", model.Licence),
            ("input", model.Preprocessing),
            ("sizes", Sizes(sizes) + (sizes.Staged ? "; of the first stage" : "")),
            ("parameters", sizes.Parameters is { } all0 ? $"{all0:n0}" + (sizes.ImageParameters is { } image ? $", of them {image:n0} in the image tower" : "") : sizes.ImageParameters is { } tower ? $"{tower:n0} in the image tower; the rest was not counted" : null),
            ("memory", sizes.Parameters is { } count ? Memory(count) : null),
            ("verified", $"{model.Verified.ToString().ToLowerInvariant()}: {registry.Levels[model.Verified.ToString().ToLowerInvariant()]}"),
            ("source", sizes.Source),
            ("ViT-Prisma", model.Prisma),
            ("remarks", model.Remarks),
        })
            if (value is not null) terminal.Line($"{what,-11} {value}");
        if (places.Count > 0) PrintPlaces(terminal, places, all);
        terminal.Line("");
        if (coders.Count == 0) terminal.Line("No published sparse coder is known for it.");
        else terminal.Table([coders.Count > CodersShown && !all ? $"sparse coder ({CodersShown} of {coders.Count}; --all)" : "sparse coder", "kind", "place", "features", "tokens", "verified"], coders.Take(all ? int.MaxValue : CodersShown).Select(coder => new[]
        {
            coder.Name, coder.Kind, coder.Writes is null ? coder.Hook : $"{coder.Hook} -> {coder.Writes}", $"{coder.DSae}", coder.Tokens, coder.Verified.ToString().ToLowerInvariant(),
        }));
    }

    private static string Sizes(ModelArchitecture sizes) => string.Join(", ", new (string Name, int? Value)[]
    {
        ("image", sizes.Image), ("patch", sizes.Patch), ("frames", sizes.Frames), ("tubelet", sizes.Tubelet), ("tokens", sizes.Tokens), ("d_model", sizes.DModel), ("layers", sizes.Layers),
        ("heads", sizes.Heads), ("key_value_heads", sizes.KeyValueHeads), ("d_mlp", sizes.DMlp), ("output", sizes.Output), ("vocabulary", sizes.Vocabulary), ("context", sizes.Context),
    }.Where(size => size.Value is not null).Select(size => $"{size.Name} {size.Value}")) + (sizes.Activation is { } activation ? $", {activation}" : "");
}
