using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Options that put a sparse coder into a forward pass: reconstruct with it, or edit its features.</summary>
internal sealed class SpliceOption
{
    private readonly Option<string?> _sae = new("--sae") { HelpName = "FILE|FOLDER", Description = "A sparse coder to put into the pass" };
    private readonly Option<string[]> _edits = new("--edit") { HelpName = "SITE:FEATURE=ACTION", Description = "ablate, set V, add V or scale V; repeatable: 'blocks.4.hook_resid_post:37=set 0'" };
    private readonly Option<bool> _reconstruct = new("--reconstruct") { Description = "Replace the values by the coder's reconstruction" };
    private readonly Option<bool> _keepError = new("--keep-error") { Description = "With --reconstruct: add what the coder misses" };
    private readonly SaeOptions _coder;

    internal SpliceOption(Command command)
    {
        foreach (var option in new Option[] { _sae, _edits, _reconstruct, _keepError }) command.Options.Add(option);
        _coder = new SaeOptions(command);
    }

    internal ISparseCoder? Open(ParseResult parsed, Terminal terminal)
    {
        if (parsed.GetValue(_sae) is not { } path)
        {
            if (parsed.GetValue(_reconstruct) || parsed.GetValue(_edits) is { Length: > 0 }) throw new OptionsException("--edit and --reconstruct need a coder: --sae.");
            return null;
        }
        var coder = Coders.Load(path, _coder.Read(parsed));
        SaeOptions.Describe(coder.Card, terminal);
        return coder;
    }

    internal HookPlan Into(HookPlan plan, ISparseCoder? coder, HookedModel model, ModelInput input, ParseResult parsed, bool force)
    {
        if (coder is null) return plan;
        var edits = (parsed.GetValue(_edits) ?? []).Select(FeatureEdit.Parse).ToList();
        var reconstructs = parsed.GetValue(_reconstruct);
        if (edits.Count == 0 && !reconstructs) throw new OptionsException("--sae alone changes nothing: say --reconstruct or --edit.");
        var sites = edits.Select(edit => edit.Site).Distinct().ToList();
        if (sites.Count > 1) throw new OptionsException($"One coder reads one place; the edits name {string.Join(" and ", sites)}.");
        // The coder's own place wins where its file names one; an edit elsewhere is a mistake.
        if (sites.Count == 1 && coder.Card.Reads.Count == 1 && coder.Card.Reads[0] != sites[0] && coder.Card.Reads[0].In(sites[0].Path.Part) != sites[0])
            throw new OptionsException($"The edit names {sites[0]}, but {coder.Card.Name} reads {coder.Card.Reads[0]}.");
        return Splice.Into(plan, coder, model, input, new SpliceOptions
        {
            KeepError = !reconstructs || parsed.GetValue(_keepError),
            Edits = [.. edits.Select(edit => edit.Edit)],
            Reads = coder.Card.Reads.Count == 0 && sites.Count == 1 ? sites[0] : null,
            Force = force,
        });
    }
}
