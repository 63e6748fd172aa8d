using System.CommandLine;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Cli;

/// <summary>Options that read a file of texts as inputs of a language model.</summary>
internal sealed class TextOption
{
    private const int UsualWindow = 128;

    private readonly Option<string?> _file = new("--text") { HelpName = "FILE", Description = "Texts for a language model: a file of lines, or of JSON lines with a field 'text' (.jsonl)" };
    private readonly Option<int?> _window = new("--window") { HelpName = "N", Description = $"Tokens per example of --text; default: {UsualWindow}, or the model's context where that is shorter" };
    private readonly Option<string?> _tokenizer = new("--tokenizer") { HelpName = "FOLDER", Description = "The tokenizer for --text; default: the model's folder" };
    private readonly Option<bool> _bare = new("--no-start") { Description = "With --text: no start token at the beginning of a window" };

    internal TextOption(Command command)
    {
        foreach (var option in new Option[] { _file, _window, _tokenizer, _bare }) command.Options.Add(option);
    }

    internal bool IsGiven(ParseResult parsed) => parsed.GetValue(_file) is not null;

    /// <summary>The texts as inputs; null where none were named.</summary>
    internal TextInputs? Open(ParseResult parsed, string folder, HookedModel model)
    {
        if (parsed.GetValue(_file) is not { } file) return null;
        if (model is not CausalLm lm) throw new OptionsException($"--text: {model.Card.Name} is no language model.");
        var window = parsed.GetValue(_window) ?? Math.Min(UsualWindow, lm.ContextLength);
        if (window > lm.ContextLength) throw new OptionsException($"--window {window}: {lm.Card.Name} reads {lm.ContextLength} tokens.");
        var tokenizer = Tokenizers.Open(parsed.GetValue(_tokenizer) ?? folder);
        return new TextInputs(file, tokenizer, window, opens: !parsed.GetValue(_bare));
    }
}
