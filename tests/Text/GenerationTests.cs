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

    private static List<GeneratedToken> Run(CausalLm model, GenerateOptions options) => [.. TextGenerator.Generate(model, s_prompt, options)];

    private static CausalLm Tiny(string name) => (CausalLm)Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
