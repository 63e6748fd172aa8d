using System.CommandLine;
using System.Diagnostics;
using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Goes on with a text, or with several at once.</summary>
internal sealed class GenerateTextCommand : Verb
{
    internal override string Name => "generate-text";

    internal override string Description =>
        "Goes on with a text, printing as it comes, or with several texts in one batch; a sparse coder's features can be edited at every step.\n"
        + "Example: prisma generate-text --model gpt2 --prompt 'The cat sat on the' --max-tokens 20 --sae sae --edit 'blocks.8.hook_resid_pre:123=add 40'";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var family = Common.Family(command);
        var prompt = new Option<string[]>("--prompt") { HelpName = "TEXT", Description = "The text to go on with; repeatable: several go on in one batch" };
        var file = new Option<string?>("--prompts") { HelpName = "FILE", Description = "A file with one prompt per line" };
        var ids = new Option<int[]>("--ids") { HelpName = "ID", AllowMultipleArgumentsPerToken = true, Description = "The prompt as token ids, for folders without a tokenizer" };
        var most = Common.Count(command, "--max-tokens", new GenerateOptions().MaxTokens, "The most tokens that are made");
        var temperature = new Option<double>("--temperature") { HelpName = "T", Description = "What logits are divided by; 0 (default) takes the most probable token" };
        var topK = new Option<int?>("--top-k") { HelpName = "K", Description = "Draw from the K most probable tokens" };
        var topP = new Option<double?>("--top-p") { HelpName = "P", Description = "Draw from the fewest tokens that have the probability P together" };
        var plain = new Option<bool>("--no-memory") { Description = "Read the whole text at every step instead of keeping keys and values" };
        var bare = new Option<bool>("--no-special") { Description = "No start token before the prompt" };
        foreach (var option in new Option[] { prompt, file, ids, temperature, topK, topP, plain, bare }) command.Options.Add(option);
        var splice = new SpliceOption(command);
        var device = Common.Device(command);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (texts, given) = (Texts(parsed.GetValue(prompt) ?? [], parsed.GetValue(file)), parsed.GetValue(ids) ?? []);
            if ((texts.Length == 0) == (given.Length == 0)) throw new OptionsException("Give the prompt as --prompt TEXT, as lines of --prompts FILE or as --ids, one of them.");
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var loaded = Models.Load(folder, parsed.GetValue(family));
            if (loaded is not CausalLm lm) throw new OptionsException($"{loaded.Card.Name} is no causal language model; only these go on with a text.");
            lm.To(Common.DeviceNamed(parsed.GetValue(device)!));
            var tokenizer = texts.Length == 0 ? null : Tokenizers.Open(folder);
            List<int[]> starts = tokenizer is null ? [given] : [.. texts.Select(text => Encoded(tokenizer, text, parsed.GetValue(bare)))];
            using var scope = NewDisposeScope();
            using var coder = splice.Open(parsed, terminal);
            var input = new ModelInput { { "input_ids", tensor(starts[0].Select(id => (long)id).ToArray(), [1, starts[0].Length]) } };
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
            // A file gives a list, however many lines it has.
            if (starts.Count == 1 && parsed.GetValue(file) is null) Write(lm, tokenizer, starts[0], options, parsed.GetValue(json), terminal);
            else WriteAll(lm, tokenizer!, texts, starts, options, parsed.GetValue(json), terminal);
            return ExitCode.Good;
        });
    }

    private static string[] Texts(string[] prompts, string? file)
    {
        if (file is null) return prompts;
        if (prompts.Length > 0) throw new OptionsException("--prompt and --prompts are two ways to say the same; give one of them.");
        if (!File.Exists(file)) throw new OptionsException($"--prompts: there is no file '{file}'.");
        string[] lines = [.. File.ReadAllLines(file).Where(line => line.Length > 0)];
        return lines.Length > 0 ? lines : throw new OptionsException($"'{file}' holds no prompt; write one in each line.");
    }

    private static int[] Encoded(ITokenizer tokenizer, string text, bool isBare)
    {
        var words = tokenizer.Encode(text, new EncodeOptions { Special = false });
        return isBare ? words : WithHead(tokenizer, text, words);
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
        if (isJson) terminal.Json(Result(start, made, stream));
        else
        {
            terminal.Piece(stream?.End() ?? "");
            terminal.Line("");
        }
        if (start.Length + made.Count >= model.ContextLength) terminal.Remark($"The context of {model.ContextLength} tokens is full.");
        terminal.Remark($"{made.Count} tokens in {watch.Elapsed.TotalSeconds:0.0} s");
    }

    // Several texts cannot be shown as they come without mixing them: each stands whole, in the order of the prompts.
    private static void WriteAll(CausalLm model, ITokenizer tokenizer, string[] texts, List<int[]> starts, GenerateOptions options, bool isJson, Terminal terminal)
    {
        var made = starts.Select(_ => (Tokens: new List<GeneratedToken>(), Stream: new TextStream(tokenizer))).ToList();
        var watch = Stopwatch.StartNew();
        foreach (var (text, token) in TextGenerator.GenerateBatch(model, starts, options))
        {
            made[text].Tokens.Add(token);
            made[text].Stream.Add(token.Id);
        }
        if (isJson)
        {
            terminal.Json(made.Select((one, text) => Result(starts[text], one.Tokens, one.Stream)));
        }
        else
        {
            foreach (var (text, one) in made.Index()) terminal.Line($"[{text + 1}] {texts[text]}{one.Stream.Text}");
        }
        foreach (var (text, one) in made.Index())
            if (starts[text].Length + one.Tokens.Count >= model.ContextLength) terminal.Remark($"Text {text + 1}: the context of {model.ContextLength} tokens is full.");
        terminal.Remark($"{made.Sum(one => one.Tokens.Count)} tokens of {made.Count} texts in {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static object Result(int[] start, List<GeneratedToken> made, TextStream? stream) => new
    {
        prompt_ids = start,
        ids = made.Select(token => token.Id),
        text = stream?.Text,
        log_probabilities = made.Select(token => token.LogProbability),
    };
}
