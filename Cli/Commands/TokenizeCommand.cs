using System.CommandLine;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Cli.Commands;

/// <summary>Turns texts into token ids.</summary>
internal sealed class TokenizeCommand : Verb
{
    internal override string Name => "tokenize";

    internal override string Description =>
        "Prints the token ids of texts as JSON; with --decode the text of ids.\nExample: prisma tokenize --model FOLDER 'a photo of a cat'";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var texts = new Argument<string[]>("TEXT") { Arity = ArgumentArity.OneOrMore, Description = "The texts" };
        command.Arguments.Add(texts);
        var style = new Option<string?>("--style") { HelpName = "openai|hf", Description = "Whose cleaning of the text; default: what the folder's files are from" };
        var ftfy = new Option<bool>("--ftfy") { Description = "Repair broken text first (OpenAI's style always does)" };
        var pad = new Option<bool>("--pad") { Description = "Fill up to the context length" };
        var bare = new Option<bool>("--no-special") { Description = "No start and end tokens, no truncation" };
        var decode = new Option<bool>("--decode") { Description = "The arguments are ids: print their text" };
        foreach (var option in new Option[] { style, ftfy, pad, bare, decode }) command.Options.Add(option);
        Common.Json(command).Description = "Print JSON: this verb always does";
        command.SetAction(parsed =>
        {
            var tokenizer = Tokenizers.Open(Named.Folder(parsed.GetValue(model)!, terminal, ModelNeeds.Settings), parsed.GetValue(style) switch
            {
                null => null,
                "openai" => TokenizerStyle.OpenAi,
                "hf" => TokenizerStyle.HuggingFace,
                var other => throw new OptionsException($"--style {other}: expected openai or hf."),
            });
            var options = new EncodeOptions { Repair = parsed.GetValue(ftfy), Pad = parsed.GetValue(pad), Special = !parsed.GetValue(bare) };
            if (parsed.GetValue(decode))
            {
                int[] given = [.. parsed.GetValue(texts)!.SelectMany(text => text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries)).Select(Id)];
                terminal.Json(new { ids = given, text = tokenizer.Decode(given) });
                return ExitCode.Good;
            }
            terminal.Json(parsed.GetValue(texts)!.Select(text => new { text, ids = tokenizer.Encode(text, options) }));
            return ExitCode.Good;
        });
    }
    private static int Id(string text) => int.TryParse(text, out var id) ? id : throw new OptionsException($"--decode: '{text}' is no token id.");
}
