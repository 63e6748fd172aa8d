using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli.Commands;

/// <summary>Fetches a model or a sparse coder into the hub's cache.</summary>
internal sealed class PullCommand : Verb
{
    internal override string Name => "pull";

    internal override string Description =>
        "Fetches a model or a sparse coder into the cache that Python's huggingface_hub shares (HF_HOME), checks it, and prints where it lies. A stopped download goes on. The token in HF_TOKEN goes to the hub alone.\n"
        + "Example: prisma pull openai/clip-vit-base-patch32";

    internal override void Fill(Command command, Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "A name of 'prisma models', or owner/name[@revision][/path] of the hub" };
        command.Arguments.Add(name);
        var revision = new Option<string?>("--revision") { HelpName = "R", Description = "A branch, a tag or a commit; default: main" };
        var files = new Option<string[]>("--file") { HelpName = "GLOB", AllowMultipleArgumentsPerToken = true, Description = "Only these files; * crosses slashes. Default: settings and one set of weights" };
        command.Options.Add(revision);
        command.Options.Add(files);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            var pulled = Pull(parsed.GetValue(name)!, parsed.GetValue(revision), parsed.GetValue(files) ?? [], terminal);
            if (parsed.GetValue(json)) terminal.Json(new { name = parsed.GetValue(name), path = pulled });
            else terminal.Line(pulled);
            return ExitCode.Good;
        });
    }

    private static string Pull(string name, string? revision, string[] files, Terminal terminal)
    {
        var (registry, progress) = (Registry.Default, new HubReport(terminal));
        var (model, coder) = (registry.FindModel(name), registry.FindCoder(name));
        if ((model, coder) is ({ Hub: null }, _) or (null, { Hub: null }))
            throw new CheckpointException($"'{name}' is known, but it is not on the hub. Get it from {model?.Elsewhere ?? coder?.Elsewhere} and give the folder's path.");
        var address = (model?.Hub, coder) switch
        {
            ({ } hub, _) => new HubAddress(HubId.Parse(hub)),
            (null, { } known) => new HubAddress(HubId.Parse(known.Hub!), known.Revision, known.Path),
            _ => HubAddress.TryParse(name) ?? throw new OptionsException(
                $"'{name}' is neither a known name nor owner/name of the hub. Nearest known: {string.Join(", ", registry.Suggest(name))}."),
        };
        if (revision is not null) address = address with { Revision = revision };
        using var client = new HubClient(HubOptions.FromEnvironment());
        var wanted = files.Length > 0 ? HubSelection.Matching(files)
            : coder is not null || address.Path.Length > 0 ? HubSelection.Coder(address.Path, coder?.Files ?? [])
            : model?.File is { } file ? HubSelection.ModelLike(file)
            : HubSelection.Model;
        var folder = client.PullAsync(address.Id, wanted, address.Revision, progress).GetAwaiter().GetResult();
        return files.Length > 0 ? folder : Path.Combine(folder, address.Path);
    }
}
