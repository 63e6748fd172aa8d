using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Texts that go on: with memory as without, edits that reach only what they must.</summary>
public sealed class GenerationTests
{
    private static readonly int[] s_prompt = [3, 17, 5, 29, 8];

    public static TheoryData<string> Families => [.. Models.Catalog.Families.Where(family => { using var model = family.Tiny(); return model is CausalLm; }).Select(family => family.Name)];

    [Theory, MemberData(nameof(Families))]
    public void With_memory_the_same_tokens_come_as_without(string name)
    {
        using var model = Tiny(name);
        var options = new GenerateOptions { MaxTokens = 12, Plan = HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value * 1.1) };
        var (with, without) = (Run(model, options), Run(model, options with { UseMemory = false }));
        Assert.Equal(without.Select(token => token.Id), with.Select(token => token.Id));
        Assert.Equal(12, with.Count);
        foreach (var (a, b) in with.Zip(without)) Assert.Equal(a.LogProbability, b.LogProbability, 1e-4);
        var drawn = options with { Temperature = 1.5, TopK = 9, TopP = 0.9, Seed = 4 };
        Assert.Equal(Run(model, drawn with { UseMemory = false }).Select(token => token.Id), Run(model, drawn).Select(token => token.Id));
    }

    [Theory, MemberData(nameof(Families))]
    public void Texts_of_several_lengths_go_on_together_as_each_alone(string name)
    {
        using var model = Tiny(name);
        int[][] prompts = [s_prompt, [29, 8, 11, 2, 19, 4, 6, 9], [1]];
        var room = (int)Math.Min(40, model.MemoryLength - prompts.Max(prompt => prompt.Length));
        var push = new StepEdit(Site.ResidPre[1], (value, _) => value * 1.3, From: 2, Until: 4);
        var greedy = new GenerateOptions { MaxTokens = room, Plan = HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value * 1.1), Edits = [push] };
        var stopped = greedy with { Stop = [Run(model, greedy, prompts[0])[2].Id] };
        foreach (var options in new[] { greedy, stopped, greedy with { Temperature = 1.5, TopK = 9, TopP = 0.9, Seed = 4 } })
        {
            foreach (var useMemory in new[] { true, false })
            {
                var rows = new List<long>();
                var together = TextGenerator.GenerateBatch(model, prompts, options with { UseMemory = useMemory, Observe = (_, recording) => rows.Add(recording.Cache[Site.LnFinal.Only].shape[0]) })
                    .ToLookup(made => made.Text, made => made.Token);
                foreach (var (text, prompt) in prompts.Index())
                {
                    var alone = Run(model, options with { Seed = options.Seed + (ulong)text }, prompt);
                    Assert.Equal(alone.Select(token => token.Id), together[text].Select(token => token.Id));
                    foreach (var (a, b) in alone.Zip(together[text])) Assert.Equal(a.LogProbability, b.LogProbability, 1e-4);
                }
                // Rows stay, whichever text has ended.
                Assert.All(rows, count => Assert.Equal(3, count));
                Assert.Equal(Enumerable.Range(0, 3).Max(text => together[text].Count()), rows.Count);
            }
        }
        // One full context ends one text, not its neighbours.
        if (room == 40 && model.ContextLength < 40) Assert.Equal(prompts.Select(prompt => model.ContextLength - prompt.Length), prompts.Select((_, text) => TextGenerator.GenerateBatch(model, prompts, greedy).Count(made => made.Text == text)));
    }

    [Fact]
    public void A_batch_that_does_not_work_is_refused()
    {
        using var model = Tiny("gpt2");
        Assert.Contains("no prompt", Assert.Throws<OptionsException>(() => TextGenerator.GenerateBatch(model, [])).Message, StringComparison.Ordinal);
        var faults = Assert.Throws<OptionsException>(() => TextGenerator.GenerateBatch(model, [[], [1], [.. Enumerable.Repeat(1, 30)]])).Message;
        Assert.Contains("Prompt 0 has no tokens", faults, StringComparison.Ordinal);
        Assert.Contains("Prompt 2 has 30 tokens", faults, StringComparison.Ordinal);
        // A table of positions has no room for a text, whatever stands before it.
        using var scope = NewDisposeScope();
        var mask = cat([zeros(1, 4, dtype: ScalarType.Int64), ones(1, 25, dtype: ScalarType.Int64)], 1);
        Assert.Contains("positions for 24", Assert.Throws<ShapeException>(() => model.Run(new ModelInput { ["input_ids"] = ones(1, 29, dtype: ScalarType.Int64), ["attention_mask"] = mask }, HookPlan.Empty)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dynamically_stretched_positions_leave_memory_beyond_the_trained_context()
    {
        using var model = Models.Load(Fixture.Path("models/hf_llama3_rope_tied"));
        Assert.Equal(long.MaxValue, ((CausalLm)model).MemoryLength);
        using var folder = new TempFolder();
        foreach (var file in Directory.GetFiles(Fixture.Path("models/hf_llama"))) File.Copy(file, folder[Path.GetFileName(file)]);
        File.WriteAllText(folder["config.json"], File.ReadAllText(folder["config.json"])
            .Replace("\"rope_scaling\": null", "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 3.0}", StringComparison.Ordinal)
            .Replace("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 8", StringComparison.Ordinal));
        using var stretched = (CausalLm)Models.Load(folder.Path);
        Assert.Equal(8, stretched.MemoryLength);
        Assert.Equal(24, stretched.ContextLength);
        var options = new GenerateOptions { MaxTokens = 40 };
        var with = Run(stretched, options);
        Assert.Equal(24 - s_prompt.Length, with.Count);
        Assert.Contains("at most 4 tokens", Assert.Throws<OptionsException>(() => TextGenerator.GenerateBatch(stretched, [s_prompt, [1]], options)).Message, StringComparison.Ordinal);
        Assert.Equal(Run(stretched, options with { UseMemory = false }).Select(token => token.Id), with.Select(token => token.Id));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_edit_of_one_step_leaves_what_came_before_and_changes_what_comes_after(bool useMemory)
    {
        using var model = Tiny("gpt2");
        var (plain, edited) = (new List<float[]>(), new List<float[]>());
        var options = new GenerateOptions { MaxTokens = 8, UseMemory = useMemory, Plan = HookPlan.Empty.Keep(Site.ResidPost[1]) };
        var push = new StepEdit(Site.ResidPre[1], (value, _) => value + 5 * randn(value.shape, generator: new Generator(7)), From: 3, Until: 4);
        var before = Run(model, options with { Observe = (_, recording) => plain.Add(Last(recording)) });
        var after = Run(model, options with { Edits = [push], Observe = (_, recording) => edited.Add(Last(recording)) });
        Assert.Equal(before.Take(3), after.Take(3));
        for (var step = 0; step < 3; step++) Assert.Equal(plain[step], edited[step]);
        Assert.NotEqual(before[3].LogProbability, after[3].LogProbability);
        Assert.NotEqual(plain[3], edited[3]);
        // Both ways of running make the same of it.
        Assert.Equal(Run(model, options with { Edits = [push], UseMemory = !useMemory }).Select(token => token.Id), after.Select(token => token.Id));
    }

    [Fact]
    public void Seeds_decide_draws_and_cuts_bound_them()
    {
        using var model = Tiny("llama");
        var options = new GenerateOptions { MaxTokens = 10, Temperature = 3, Seed = 1 };
        Assert.Equal(Run(model, options), Run(model, options));
        Assert.NotEqual(Run(model, options), Run(model, options with { Seed = 2 }));
        var greedy = Run(model, options with { Temperature = 0 });
        Assert.Equal(greedy, Run(model, options with { TopK = 1 }));
        Assert.Equal(greedy, Run(model, options with { TopP = 1e-6 }));
        Assert.Single(Run(model, options with { Temperature = 0, Stop = [greedy[0].Id] }));
    }

    [Fact]
    public void Bad_prompts_and_options_are_refused()
    {
        using var model = Tiny("gpt2");
        Assert.Contains("24", Assert.Throws<OptionsException>(() => TextGenerator.Generate(model, Enumerable.Repeat(1, 24).ToList())).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => TextGenerator.Generate(model, []));
        Assert.Throws<OptionsException>(() => TextGenerator.Generate(model, s_prompt, new() { TopP = 0, TopK = 0, Temperature = -1 }));
        Assert.Contains("tokenizer", Assert.Throws<ShapeException>(() => TextGenerator.Generate(model, [40]).ToList()).Message, StringComparison.Ordinal);
        using var clip = Models.Load(Fixture.Path("models/hf_vit"));
        using var pixels = zeros(1, 3, 32, 32);
        using var memory = new KeyValueMemory();
        Assert.Throws<OptionsException>(() => clip.Run(new ModelInput { Memory = memory, ["pixel_values"] = pixels }, HookPlan.Empty));
    }

    private static float[] Last(Recording recording) => recording.Cache[Site.ResidPost[1]].select(1, -1).contiguous().data<float>().ToArray();

    private static List<GeneratedToken> Run(CausalLm model, GenerateOptions options, int[]? prompt = null) => [.. TextGenerator.Generate(model, prompt ?? s_prompt, options)];

    private static CausalLm Tiny(string name) => (CausalLm)Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
