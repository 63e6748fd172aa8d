using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Published coders of language models by their registered names: found in the hub's cache, opened and spliced into a model of their family.</summary>
public sealed class PublishedCoderTests
{
    private const string Revision = "0123456789abcdef0123456789abcdef01234567";

    [Theory]
    [InlineData("gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71", "gemma_scope_res/files/layer_20/width_16k/average_l0_71", "gemma2", "blocks.20.hook_resid_post")]
    [InlineData("llama_scope_lxr_8x/l6r_8x", "llama_scope/files/Llama3_1-8B-Base-L6R-8x", "llama", "blocks.6.hook_resid_post")]
    [InlineData("gpt2-small-res-jb/blocks.7.hook_resid_pre", "saelens6_standard/files", "gpt2", "blocks.7.hook_resid_pre")]
    [InlineData("pythia-70m-deduped-res-sm/blocks.4.hook_resid_post", "saelens6_standard/files", "gpt_neox", "blocks.4.hook_resid_post")]
    public void By_name_they_load_and_splice_in(string name, string files, string family, string place)
    {
        using var cache = new TempFolder();
        var known = Registry.Default.FindCoder(name);
        Assert.NotNull(known);
        Store(cache, known.Hub!, known.Path!, files, place);
        var found = new Locator(new HubOptions { Cache = cache.Path, Offline = true }).Coder(name);
        Assert.StartsWith(cache.Path, found, StringComparison.Ordinal);
        using var coder = CoderFile.Open(found);
        Assert.Equal(place, coder.Card.Reads.Single().ToString());
        using var scope = NewDisposeScope();
        using var model = Model(family, (int)coder.Card.Inputs, coder.Card.Reads[0].Path.Layer + 1);
        var input = new ModelInput { ["input_ids"] = tensor(new long[] { 3, 1, 4, 1, 5 }, [1, 5]) };
        var site = coder.Card.Reads[0];
        // A file that names its model is kept from others; Llama Scope's name none.
        if (!string.IsNullOrEmpty(coder.Card.Origin.ModelName))
            Assert.Contains("was trained on", Assert.Throws<OptionsException>(() => Splice.Into(HookPlan.Empty, coder, model, input)).Message, StringComparison.Ordinal);
        var here = new SpliceOptions { Force = true };
        using var plain = model.Run(input, HookPlan.Empty.Keep(site));
        using var kept = model.Run(input, Splice.Into(HookPlan.Empty, coder, model, input, here));
        Assert.True(plain.Main.Equals(kept.Main), "with its error kept the coder changes nothing");
        using var replaced = model.Run(input, Splice.Into(HookPlan.Empty, coder, model, input, here with { KeepError = false }).Keep(site));
        using var codes = coder.Encode(plain.Cache[site]);
        Close.Check("what the coder says", replaced.Cache[site], coder.Decode(codes, plain.Cache[site]));
        // Steering at every step: the same tokens with and without memory, and others than without steering.
        var plan = Splice.Into(HookPlan.Empty, coder, model, input, here with { Edits = [new FeatureEdit(2, FeatureAction.Add, 60)] });
        var options = new GenerateOptions { MaxTokens = 6, Plan = plan };
        var steered = TextGenerator.Generate((CausalLm)model, [3, 1, 4], options).ToList();
        Assert.Equal(TextGenerator.Generate((CausalLm)model, [3, 1, 4], options with { UseMemory = false }).Select(token => token.Id), steered.Select(token => token.Id));
        var free = TextGenerator.Generate((CausalLm)model, [3, 1, 4], options with { Plan = HookPlan.Empty }).ToList();
        Assert.All(steered.Zip(free), pair => Assert.NotEqual(pair.First.LogProbability, pair.Second.LogProbability));
    }

    // The layout of the hub's cache: snapshots by commit, and what a branch points to.
    private static void Store(TempFolder cache, string hub, string path, string files, string place)
    {
        var repository = cache["models--" + hub.Replace("/", "--", StringComparison.Ordinal)];
        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        File.WriteAllText(Path.Combine(repository, "refs", "main"), Revision);
        var to = Path.Combine(repository, "snapshots", Revision, path);
        var from = Fixture.Path("saes/" + files);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        var cfg = Path.Combine(to, "cfg.json");
        if (File.Exists(cfg)) File.WriteAllText(cfg, File.ReadAllText(cfg).Replace("blocks.7.hook_resid_pre", place, StringComparison.Ordinal));
    }

    private static HookedModel Model(string family, int width, int layers) => family switch
    {
        "gemma2" => new Gemma2Family().Random(new GemmaLikeConfig { Width = width, Layers = layers, Heads = 2, KeyHeads = 1, HeadWidth = 4, Hidden = 12, Vocabulary = 30, Context = 16, PostNorms = true }, 1),
        "llama" => new LlamaFamily().Random(new LlamaLikeConfig { Width = width, Layers = layers, Heads = 2, KeyHeads = 1, HeadWidth = 4, Hidden = 12, Vocabulary = 30, Context = 16 }, 1),
        "gpt2" => new Gpt2Family().Random(new Gpt2Config { Width = width, Layers = layers, Heads = 2, Hidden = 12, Vocabulary = 30, Context = 16 }, 1),
        _ => new GptNeoXFamily().Random(new GptNeoXConfig { Width = width, Layers = layers, Heads = 2, Hidden = 12, Vocabulary = 30, Context = 16, RotaryShare = 0.5 }, 1),
    };
}
