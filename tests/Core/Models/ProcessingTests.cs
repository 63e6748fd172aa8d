using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests.Core;

/// <summary>Rewritten weights: outputs stay, and each step does to the places what it promises. Every family is tried.</summary>
public sealed class ProcessingTests
{
    private static readonly Dictionary<(string Family, ProcessingStep Step), string> s_refusals = new()
    {
        [("timm_eva", ProcessingStep.FoldValueBiases)] = "a norm stands between the values and the output matrix",
        [("swin", ProcessingStep.FoldLn)] = "pads its windows",
        [("timm_swin", ProcessingStep.FoldLn)] = "pads its windows",
        [("timm_swinv2", ProcessingStep.FoldLn)] = "behind the branches",
        [("timm_swinv2", ProcessingStep.CenterWriting)] = "merging of patches",
        [("swinv2", ProcessingStep.FoldLn)] = "behind the branches",
        [("swinv2", ProcessingStep.CenterWriting)] = "merging of patches",
        [("swin", ProcessingStep.CenterWriting)] = "merging of patches",
        [("timm_swin", ProcessingStep.CenterWriting)] = "merging of patches",
    };

    public static TheoryData<string, ProcessingStep> Cases
    {
        get
        {
            var cases = new TheoryData<string, ProcessingStep>();
            foreach (var family in Models.Catalog.Families)
                foreach (var step in Enum.GetValues<ProcessingStep>())
                    cases.Add(family.Name, step);
            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_main_output_stays_or_the_step_is_refused_with_a_reason(string family, ProcessingStep step)
    {
        using var plain = Tiny(family);
        using var processed = Tiny(family);
        using var inputs = new TinyInput(plain);
        using var scope = NewDisposeScope();
        if (Refusal(family, step, plain) is { } reason)
        {
            Assert.Contains(reason, Assert.ThrowsAny<PrismaException>(() => Processing.Apply(processed, step)).Message, StringComparison.Ordinal);
            return;
        }
        Processing.Apply(processed, step);
        var site = Changed(step);
        using var before = plain.Run(inputs.Input, HookPlan.Empty.Keep(InBlocks(site)));
        using var after = processed.Run(inputs.Input, HookPlan.Empty.Keep(InBlocks(site)));
        if (step == ProcessingStep.CenterUnembed)
        {
            Close.Check("what a softmax reads", after.Main.log_softmax(-1), before.Main.log_softmax(-1), atol: 1e-4, rtol: 1e-4);
            Assert.True(after.Main.mean([-1]).abs().max().item<float>() < 1e-4 && before.Main.mean([-1]).abs().max().item<float>() > 1e-3);
            return;
        }
        Close.Check("output", after.Main, before.Main, atol: 1e-4, rtol: 1e-4);
        if (plain is CausalLm lm && step == ProcessingStep.FoldLn && !lm.Blocks[0].Ln1.Centres)
        {
            // The place of such a norm lies before its gain.
            Assert.True(((CausalLm)processed).Blocks.All(block => block.Ln1.Gain.Equals(block.Ln1.Gain.ones_like())));
            return;
        }
        if (plain is CausalLm bare && step == ProcessingStep.FoldValueBiases && bare.Blocks[0].Attention.Qkv.Bias is null) return;
        foreach (var place in before.Cache.Sites)
            Assert.True((before.Cache[place] - after.Cache[place]).abs().max().item<float>() > 1e-4, $"{place} is as it was");
    }

    [Fact]
    public void Folded_norms_have_mean_zero_and_centred_writes_too()
    {
        using var model = Tiny("clip");
        using var inputs = new TinyInput(model);
        using var scope = NewDisposeScope();
        Processing.Apply(model, ProcessingStep.CenterWriting, ProcessingStep.FoldLn);
        using var recording = model.Run(inputs.Input, HookPlan.Empty.Keep("*"));
        foreach (var site in recording.Cache.Sites.Where(site => site.Kind == Site.Ln1Normalized || site.Kind == Site.Ln2Normalized
            || site.Kind == Site.AttnOut || site.Kind == Site.MlpOut))
            Assert.True(recording.Cache[site].mean([-1]).abs().max().item<float>() < 1e-5, $"{site}");
    }

    [Fact]
    public void An_unknown_step_is_refused_with_the_known_ones()
    {
        Assert.Equal(ProcessingStep.FoldLn, Processing.Parse("fold-ln"));
        Assert.Contains("fold-value-biases", Assert.Throws<OptionsException>(() => Processing.Parse("fold-lm")).Message, StringComparison.Ordinal);
    }

    private static string? Refusal(string family, ProcessingStep step, HookedModel model) =>
        s_refusals.TryGetValue((family, step), out var reason) ? reason
        : step != ProcessingStep.CenterUnembed && model.Points.All(point => point.Site.Path.Layer < 0) ? "no residual stream"
        : step == ProcessingStep.CenterUnembed && (model is not CausalLm || family == "gemma2") ? "only a softmax reads"
        : step == ProcessingStep.CenterWriting && model is CausalLm { FinalNorm.Centres: false } ? "keep the mean of the stream"
        : null;

    private static SiteKind Changed(ProcessingStep step) => step switch
    {
        ProcessingStep.FoldLn => Site.Ln1Normalized,
        ProcessingStep.CenterWriting => Site.AttnOut,
        _ => Site.V,
    };

    // What a pooling head writes is not written into the stream.
    private static Func<HookPoint, bool> InBlocks(SiteKind kind) => point => point.Kind == kind && point.Site.Path.Layer >= 0;

    private static HookedModel Tiny(string name) => Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
