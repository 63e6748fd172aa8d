using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// Several texts at once. Prompts are padded on the left, so that the newest token of every text stands last, and the mask hides the
/// padding: each text goes on as it would alone. Rows stay the texts in their order to the end: a text that has ended is fed hidden
/// tokens, so that edits and what is kept always have the same batch axis.
/// </summary>
public static partial class TextGenerator
{
    /// <summary>
    /// The tokens after several prompts: step by step, in each step text by text. A text ends as it would alone. Where tokens are drawn, text
    /// i has the stream of the seed plus i, so that it does not depend on its neighbours and equal prompts go on differently.
    /// </summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="prompts">The ids of each prompt, of any lengths.</param>
    /// <param name="options">How to go on; null for the most probable 50 tokens.</param>
    /// <exception cref="OptionsException">
    /// There is no prompt, one is empty or fills the context, options do not work, or positions are stretched by a text's own length and the
    /// texts may grow so far.
    /// </exception>
    /// <exception cref="ShapeException">An id lies outside the vocabulary.</exception>
    public static IEnumerable<BatchToken> GenerateBatch(CausalLm model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompts);
        options ??= new GenerateOptions();
        Require(model, options);
        if (prompts.Count == 0) throw new OptionsException("There is no prompt to go on with; give at least one.");
        var faults = prompts.Index().Select(item => (item.Index, Fault: Fault(model, item.Item))).Where(item => item.Fault is not null).ToList();
        if (faults.Count > 0) throw new OptionsException(string.Join(" ", faults.Select(item => $"Prompt {item.Index} {item.Fault}")));
        var longest = prompts.Max(prompt => prompt.Count);
        if (longest + (long)options.MaxTokens - 1 > model.MemoryLength && prompts.Count > 1)
            throw new OptionsException($"{model.Card.Name} stretches positions by the length of each text beyond {model.MemoryLength} tokens, so texts of several lengths cannot share a pass there. Ask for at most {Math.Max(0, model.MemoryLength + 1 - longest)} tokens, or go on with one text at a time.");
        return prompts.Count == 1
            ? Generate(model, prompts[0], options).Select(token => new BatchToken(0, token))
            : BatchTokens(model, [.. prompts.Select(prompt => prompt.Select(id => (long)id).ToList())], options);
    }

    private static IEnumerable<BatchToken> BatchTokens(CausalLm model, List<long>[] texts, GenerateOptions options)
    {
        var samplers = texts.Select((_, text) => new TokenSampler(options with { Seed = options.Seed + (ulong)text })).ToList();
        try
        {
            using var memory = options.UseMemory ? new KeyValueMemory() : null;
            var longest = texts.Max(text => text.Count);
            var rows = texts.Select(text => new PaddedRow(text, longest)).ToList();
            for (var step = 0; step < options.MaxTokens && rows.Any(row => !row.HasEnded); step++)
            {
                var made = BatchStep(model, rows, memory, options, step, samplers);
                foreach (var (text, token) in made.Index())
                {
                    if (token is { } next) yield return new BatchToken(text, next);
                    rows[text].Add(token, options, model.ContextLength);
                }
            }
        }
        finally
        {
            samplers.ForEach(sampler => sampler.Dispose());
        }
    }

    // One token for every text that has not ended.
    private static GeneratedToken?[] BatchStep(CausalLm model, List<PaddedRow> rows, KeyValueMemory? memory, GenerateOptions options, int step, List<TokenSampler> samplers)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var keys = rows[0].Ids.Count;
        var first = (int)(memory?.Tokens ?? 0);
        var input = new ModelInput { Memory = memory };
        input.Add("input_ids", tensor(rows.SelectMany(row => row.Ids.Skip(first)).ToArray(), [rows.Count, keys - first]));
        // Without padding the plain pass says the same and is faster.
        if (rows.Any(row => row.HasPadding)) input.Add("attention_mask", tensor(rows.SelectMany(row => row.Mask).ToArray(), [rows.Count, keys]));
        var plan = memory is not null ? Remembering(options, step) : Whole(options, keys - step, keys);
        using var recording = model.Run(input, UpToHead(plan, keys - first));
        memory?.Advance(keys - first);
        var logits = LastLogits(model, recording, keys - first);
        var made = rows.Select(GeneratedToken? (row, text) => row.HasEnded ? null : samplers[text].Next(logits[text])).ToArray();
        options.Observe?.Invoke(step, recording);
        return made;
    }

    /// <summary>One text of a batch, padded on the left and, when it has ended, on the right.</summary>
    private sealed class PaddedRow
    {
        private int _length;

        public PaddedRow(List<long> prompt, int width)
        {
            _length = prompt.Count;
            // Which id stands for padding counts for nothing, but it must be one.
            Ids = [.. Enumerable.Repeat(prompt[0], width - prompt.Count), .. prompt];
            Mask = [.. Enumerable.Repeat(0L, width - prompt.Count), .. prompt.Select(_ => 1L)];
            HasPadding = width > prompt.Count;
        }

        public List<long> Ids { get; }

        public List<long> Mask { get; }

        public bool HasPadding { get; private set; }

        public bool HasEnded { get; private set; }

        public void Add(GeneratedToken? token, GenerateOptions options, int context)
        {
            Ids.Add(token?.Id ?? Ids[^1]);
            Mask.Add(token is null ? 0 : 1);
            if (token is null) HasPadding = true;
            else HasEnded = ++_length >= context || options.Stop.Contains(token.Value.Id);
        }
    }
}
