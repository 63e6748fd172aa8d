using System.CommandLine;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Fetches a model or a sparse coder into the hub's cache.</summary>
internal sealed class PullCommand : Verb
{
    internal override string Name => "pull";

    internal override string Description =>
        "Fetches a model or a sparse coder into the cache that Python's huggingface_hub shares (HF_HOME), checks it, and prints where it lies. A stopped download goes on. The token in HF_TOKEN goes to the hub alone.\n"
        + "--dtype writes a copy of a model in another precision beside the cache: its own folder, which --model takes.\n"
        + "Example: prisma pull openai/clip-vit-base-patch32";

    internal override void Fill(Command command, Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "A name of 'prisma models', or owner/name[@revision][/path] of the hub" };
        command.Arguments.Add(name);
        var revision = new Option<string?>("--revision") { HelpName = "R", Description = "A branch, a tag or a commit; default: main" };
        var files = new Option<string[]>("--file") { HelpName = "GLOB", AllowMultipleArgumentsPerToken = true, Description = "Only these files; * crosses slashes. Default: settings and one set of weights" };
        var dtype = new Option<string?>("--dtype") { HelpName = "float32|float16|bfloat16", Description = "Write a copy of the model with its weights in this type to --out" };
        var output = new Option<string?>("--out") { HelpName = "FOLDER", Description = "The folder of the copy that --dtype asks for; it must not exist" };
        command.Options.Add(revision);
        command.Options.Add(files);
        command.Options.Add(dtype);
        command.Options.Add(output);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            var copy = Copy(parsed.GetValue(dtype), parsed.GetValue(output), parsed.GetValue(files) ?? []);
            var pulled = Pull(parsed.GetValue(name)!, parsed.GetValue(revision), parsed.GetValue(files) ?? [], terminal);
            if (copy is var (type, folder))
            {
                var tensors = ModelCopy.Write(pulled, folder, type);
                terminal.Remark($"Wrote {tensors} tensors in {type} to {folder}.");
                pulled = folder;
            }
            if (parsed.GetValue(json)) terminal.Json(new { name = parsed.GetValue(name), path = pulled });
            else terminal.Line(pulled);
            return ExitCode.Good;
        });
    }

    private static (ScalarType Type, string Folder)? Copy(string? dtype, string? folder, string[] files)
    {
        if (dtype is null) return folder is null ? null : throw new OptionsException("--out is where --dtype writes its copy; without --dtype the files lie in the hub's cache.");
        var type = Common.TypeNamed(dtype);
        if (files.Length > 0) throw new OptionsException("--dtype copies a whole model, so it excludes --file.");
        if (folder is null) throw new OptionsException("--dtype needs --out, the folder of the copy: files of the cache, which Python shares, are not changed.");
        return Path.Exists(folder) ? throw new OptionsException($"'{folder}' exists already. Choose another folder for --out.") : (type, folder);
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
