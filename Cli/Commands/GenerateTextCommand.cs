using System.CommandLine;
using System.Diagnostics;
using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Goes on with a text.</summary>
internal sealed class GenerateTextCommand : Verb
{
    internal override string Name => "generate-text";

    internal override string Description =>
        "Goes on with a text, printing as it comes; a sparse coder's features can be edited at every step.\n"
        + "Example: prisma generate-text --model gpt2 --prompt 'The cat sat on the' --max-tokens 20 --sae sae --edit 'blocks.8.hook_resid_pre:123=add 40'";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var family = Common.Family(command);
        var prompt = new Option<string?>("--prompt") { HelpName = "TEXT", Description = "The text to go on with" };
        var ids = new Option<int[]>("--ids") { HelpName = "ID", AllowMultipleArgumentsPerToken = true, Description = "The prompt as token ids, for folders without a tokenizer" };
        var most = Common.Count(command, "--max-tokens", new GenerateOptions().MaxTokens, "The most tokens that are made");
        var temperature = new Option<double>("--temperature") { HelpName = "T", Description = "What logits are divided by; 0 (default) takes the most probable token" };
        var topK = new Option<int?>("--top-k") { HelpName = "K", Description = "Draw from the K most probable tokens" };
        var topP = new Option<double?>("--top-p") { HelpName = "P", Description = "Draw from the fewest tokens that have the probability P together" };
        var plain = new Option<bool>("--no-memory") { Description = "Read the whole text at every step instead of keeping keys and values" };
        var bare = new Option<bool>("--no-special") { Description = "No start token before the prompt" };
        foreach (var option in new Option[] { prompt, ids, temperature, topK, topP, plain, bare }) command.Options.Add(option);
        var splice = new SpliceOption(command);
        var device = Common.Device(command);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (text, given) = (parsed.GetValue(prompt), parsed.GetValue(ids) ?? []);
            if (text is null == (given.Length == 0)) throw new OptionsException("Give the prompt as --prompt TEXT or as --ids, one of them.");
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var loaded = Models.Load(folder, parsed.GetValue(family));
            if (loaded is not CausalLm lm) throw new OptionsException($"{loaded.Card.Name} is no causal language model; only these go on with a text.");
            lm.To(Common.DeviceNamed(parsed.GetValue(device)!));
            var tokenizer = text is null ? null : Tokenizers.Open(folder);
            int[] start = tokenizer is null ? given : tokenizer.Encode(text!, new EncodeOptions { Special = false });
            if (tokenizer is not null && !parsed.GetValue(bare)) start = WithHead(tokenizer, text!, start);
            using var scope = NewDisposeScope();
            using var coder = splice.Open(parsed, terminal);
            var input = new ModelInput { { "input_ids", tensor(start.Select(id => (long)id).ToArray(), [1, start.Length]) } };
            var options = new GenerateOptions
            {
                MaxTokens = parsed.GetValue(most),
                Temperature = parsed.GetValue(temperature),
                TopK = parsed.GetValue(topK),
                TopP = parsed.GetValue(topP),
                Seed = (ulong)parsed.GetValue(seed),
                UseMemory = !parsed.GetValue(plain),
                Stop = tokenizer?.EndId is { } end ? [end] : [],
                Plan = coder is null ? HookPlan.Empty : splice.Into(HookPlan.Empty, coder, lm, input, parsed, parsed.GetValue(force)),
            };
            Write(lm, tokenizer, start, options, parsed.GetValue(json), terminal);
            return ExitCode.Good;
        });
    }

    // The tokens that open a text, without those that close it, and never cut: a prompt too long is refused by its length.
    private static int[] WithHead(ITokenizer tokenizer, string text, int[] words)
    {
        var framed = tokenizer.Encode(text, new EncodeOptions { ContextLength = int.MaxValue });
        var head = framed.Length - words.Length;
        while (head > 0 && !framed.AsSpan(head).StartsWith(words)) head--;
        return framed[..(head + words.Length)];
    }

    private static void Write(CausalLm model, ITokenizer? tokenizer, int[] start, GenerateOptions options, bool isJson, Terminal terminal)
    {
        var made = new List<GeneratedToken>();
        var stream = tokenizer is null ? null : new TextStream(tokenizer);
        var watch = Stopwatch.StartNew();
        foreach (var token in TextGenerator.Generate(model, start, options))
        {
            made.Add(token);
            if (isJson) stream?.Add(token.Id);
            else terminal.Piece(stream is null ? (made.Count > 1 ? " " : "") + token.Id : stream.Add(token.Id));
        }
        if (isJson)
        {
            terminal.Json(new
            {
                prompt_ids = start,
                ids = made.Select(token => token.Id),
                text = stream?.Text,
                log_probabilities = made.Select(token => token.LogProbability),
            });
        }
        else
        {
            terminal.Piece(stream?.End() ?? "");
            terminal.Line("");
        }
        if (start.Length + made.Count >= model.ContextLength) terminal.Remark($"The context of {model.ContextLength} tokens is full.");
        terminal.Remark($"{made.Count} tokens in {watch.Elapsed.TotalSeconds:0.0} s");
    }
}
