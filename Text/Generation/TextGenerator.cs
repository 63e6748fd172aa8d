using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// Goes on with a text, token by token. The plan holds in every pass; what a pass with memory does to its new tokens is what a pass over
/// the whole text would do to them, because a causal model never changes earlier tokens.
/// </summary>
public static partial class TextGenerator
{
    /// <summary>The tokens after a prompt, each as soon as it is made; ends at a stop token, at the most tokens or where the context is full.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="prompt">The ids of the prompt.</param>
    /// <param name="options">How to go on; null for the most probable 50 tokens.</param>
    /// <exception cref="OptionsException">The prompt is empty or fills the context, or options do not work.</exception>
    /// <exception cref="ShapeException">An id lies outside the vocabulary.</exception>
    public static IEnumerable<GeneratedToken> Generate(CausalLm model, IReadOnlyList<int> prompt, GenerateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new GenerateOptions();
        Require(model, options);
        if (Fault(model, prompt) is { } fault) throw new OptionsException($"The prompt {fault}");
        return Tokens(model, [.. prompt.Select(id => (long)id)], options);
    }

    private static void Require(CausalLm model, GenerateOptions options)
    {
        options.Validate();
        if (model.Readout is null) throw new OptionsException($"{model.Card.Name} ends without a head and cannot go on with a text. Load the causal language model of this family.");
        if (options is { UseMemory: false } && options.Edits.FirstOrDefault(edit => edit.Site.Kind.Axes is not [_, Axis.Token, ..]) is { } unsliced)
            throw new OptionsException($"Without memory an edit of single steps needs a place with a token axis; {unsliced.Site} has none.");
    }

    // Null where a text can go on from these ids.
    private static string? Fault(CausalLm model, IReadOnlyList<int> prompt) =>
        prompt.Count == 0 ? "has no tokens; a text begins with at least one (such as the start token)."
        : prompt.Count >= model.ContextLength ? $"has {prompt.Count} tokens; {model.Card.Name} reads {model.ContextLength} at most, the new ones included. Shorten it."
        : null;

    private static IEnumerable<GeneratedToken> Tokens(CausalLm model, List<long> ids, GenerateOptions options)
    {
        using var sampler = new TokenSampler(options);
        using var memory = new KeyValueMemory();
        var (first, read) = (ids.Count, 0);
        for (var step = 0; step < options.MaxTokens && ids.Count < model.ContextLength; step++)
        {
            // Beyond this length keys in memory are no longer what a pass over the whole text would make.
            var remembers = options.UseMemory && ids.Count <= model.MemoryLength;
            var token = remembers
                ? Step(model, [.. ids.Skip(read)], memory, Remembering(options, step), options, step, sampler)
                : Step(model, ids, null, Whole(options, first, ids.Count), options, step, sampler);
            read = ids.Count;
            ids.Add(token.Id);
            yield return token;
            if (options.Stop.Contains(token.Id)) yield break;
        }
    }

    private static GeneratedToken Step(CausalLm model, List<long> ids, KeyValueMemory? memory, HookPlan plan, GenerateOptions options, int step, TokenSampler sampler)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var input = new ModelInput { Memory = memory };
        input.Add("input_ids", tensor(ids.ToArray(), [1, ids.Count]));
        using var recording = model.Run(input, UpToHead(plan, ids.Count));
        memory?.Advance(ids.Count);
        var token = sampler.Next(LastLogits(model, recording, ids.Count)[0]);
        options.Observe?.Invoke(step, recording);
        return token;
    }

    // Logits of the last token alone: the head is the largest matrix of a small model. A pass of one token goes on to its head, as ending it early
    // takes longer than what else it does beside reading weights.
    private static HookPlan UpToHead(HookPlan plan, long tokens)
    {
        plan = plan.Keep(Site.LnFinal.Only);
        return tokens == 1 ? plan : plan.StopAfter(Site.LnFinal.Only);
    }

    // [B, V].
    private static Tensor LastLogits(CausalLm model, Recording recording, long tokens) =>
        tokens == 1 ? recording.Main.select(1, 0) : model.Logits(recording.Cache[Site.LnFinal.Only].select(1, -1));

    private static HookPlan Remembering(GenerateOptions options, int step) =>
        options.Edits.Where(edit => edit.Covers(step)).Aggregate(options.Plan, (plan, edit) => plan.Edit(edit.Site, edit.Edit));

    // Over the whole text an edit of single steps touches their tokens alone.
    private static HookPlan Whole(GenerateOptions options, int prompt, int tokens)
    {
        var plan = options.Plan;
        foreach (var edit in options.Edits)
        {
            var start = edit.From == 0 ? 0 : prompt + edit.From - 1;
            var end = edit.Until is { } until ? Math.Min(tokens, prompt + until - 1) : tokens;
            if (start < end) plan = plan.Edit(edit.Site, (value, site) => Part(value, site, edit.Edit, start, end));
        }
        return plan;
    }

    private static Tensor Part(Tensor value, HookSite site, Edit edit, long start, long end)
    {
        using var scope = NewDisposeScope();
        var changed = edit(value.narrow(1, start, end - start), site);
        return cat([value.narrow(1, 0, start), changed, value.narrow(1, end, value.shape[1] - end)], 1).MoveToOuterDisposeScope();
    }
}
