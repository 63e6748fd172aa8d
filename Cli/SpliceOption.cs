using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Options that put a sparse coder into a forward pass: reconstruct with it, or edit its features.</summary>
internal sealed class SpliceOption
{
    private readonly Option<string?> _sae = new("--sae") { HelpName = "PATH_OR_ID", Description = "A sparse coder to put into the pass: a path, a known name, or owner/name[/path] of the hub" };
    private readonly Option<string[]> _edits = new("--edit") { HelpName = "SITE:FEATURE=ACTION", Description = "ablate, set V, add V or scale V; repeatable: 'blocks.4.hook_resid_post:37=set 0'" };
    private readonly Option<bool> _reconstruct = new("--reconstruct") { Description = "Replace the values by the coder's reconstruction" };
    private readonly Option<bool> _keepError = new("--keep-error") { Description = "With --reconstruct: add what the coder misses" };
    private readonly Option<string?> _mask = new("--mask") { HelpName = "PICTURE", Description = "Edit only tokens that lie mostly on this picture's bright half; it is stretched over what the model sees" };
    private readonly SaeOptions _coder;

    internal SpliceOption(Command command)
    {
        foreach (var option in new Option[] { _sae, _edits, _reconstruct, _keepError, _mask }) command.Options.Add(option);
        _coder = new SaeOptions(command);
    }

    internal ISparseCoder? Open(ParseResult parsed, Terminal terminal)
    {
        if (parsed.GetValue(_sae) is not { } path)
        {
            if (parsed.GetValue(_reconstruct) || parsed.GetValue(_edits) is { Length: > 0 }) throw new OptionsException("--edit and --reconstruct need a coder: --sae.");
            return null;
        }
        var coder = Coders.Load(Named.CoderPath(path, terminal), _coder.Read(parsed));
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
        var placed = sites.Count == 1 ? At(coder, sites[0], force) : new SpliceOptions { Force = force };
        var tokens = Mask(parsed.GetValue(_mask), edits.Count, model, input);
        return Splice.Into(plan, coder, model, input, placed with
        {
            KeepError = !reconstructs || parsed.GetValue(_keepError),
            Edits = [.. edits.Select(edit => edit.Edit with { Tokens = tokens })],
        });
    }

    /// <summary>The coder at a place that was named: its file's own place wins, another is a mistake.</summary>
    internal static SpliceOptions At(ISparseCoder coder, HookSite site, bool force)
    {
        if (coder.Card.Reads.Count == 1 && coder.Card.Reads[0] != site && coder.Card.Reads[0].In(site.Path.Part) != site)
            throw new OptionsException($"{site} was named, but {coder.Card.Name} reads {coder.Card.Reads[0]}.");
        return new SpliceOptions { Reads = coder.Card.Reads.Count == 0 ? site : null, Force = force };
    }

    private static IReadOnlyList<int>? Mask(string? path, int edits, HookedModel model, ModelInput input)
    {
        if (path is null) return null;
        if (edits == 0) throw new OptionsException("--mask says where edits apply: give --edit too.");
        var layout = model.LayoutOf(input) ?? throw new OptionsException($"--mask: the tokens of {model.Card.Name} have no place in a picture.");
        return TokenMask.Under(RgbImage.Load(path), layout);
    }
}
