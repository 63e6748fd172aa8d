using Prisma.Core;
using Prisma.Engine;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>A block in one native call for one token, beside the block as tensor operators.</summary>
public sealed class TokenBlockTests
{
    public static TheoryData<string> Families => GenerationTests.Families;

    [Theory, MemberData(nameof(Families))]
    public void It_is_what_the_operators_make(string name)
    {
        using var model = (CausalLm)Models.Catalog.Families.Single(family => family.Name == name).Tiny();
        foreach (var (type, limit) in new[] { (ScalarType.Float32, 1e-5), (ScalarType.BFloat16, 4e-2) })
        {
            Turn(model, type);
            using var scope = NewDisposeScope();
            var (atOnce, step) = (Streams(model, HookPlan.Empty), Streams(model, Everywhere(model)));
            for (var k = 0; k < step.Count; k++)
            {
                var size = Math.Max(1, step[k].abs().max().item<float>());
                Close.Check($"{type} {k}", atOnce[k], step[k], atol: limit * size, rtol: 0);
            }
            Assert.All(model.Blocks, block => Assert.True(TokenBlock.Of(block).CanRun));
        }
    }

    [Fact]
    public void Weights_that_are_replaced_count_from_then_on()
    {
        using var model = (CausalLm)new Gpt2Family().Random(new Gpt2Config { Width = 12, Heads = 2, Layers = 2, Hidden = 20, Vocabulary = 30, Context = 20 }, 3);
        using var scope = NewDisposeScope();
        var before = Streams(model, HookPlan.Empty);
        var matrix = model.Blocks[1].Mlp!.Out.Matrix;
        matrix.Set(matrix.Value * 2);
        var after = Streams(model, HookPlan.Empty);
        Assert.True((after[^1] - before[^1]).abs().max().item<float>() > 1e-3);
        Close.Check("replaced", after[^1], Streams(model, Everywhere(model))[^1], atol: 1e-5, rtol: 0);
        matrix.Value.mul_(0.5);
        Close.Check("in place", Streams(model, HookPlan.Empty)[^1], before[^1], atol: 1e-5, rtol: 0);
        Processing.Apply(model, ProcessingStep.FoldLn, ProcessingStep.FoldValueBiases);
        Close.Check("folded", Streams(model, HookPlan.Empty)[^1], Streams(model, Everywhere(model))[^1], atol: 1e-5, rtol: 0);
    }

    [Fact]
    public void Only_a_token_without_gradient_and_without_lookers_goes_at_once()
    {
        using var model = (CausalLm)new Gpt2Family().Random(new Gpt2Config { Width = 12, Heads = 2, Layers = 1, Hidden = 20, Vocabulary = 30, Context = 20 }, 3);
        var seen = 0;
        var plan = HookPlan.Empty.Edit(Site.MlpPost[0], (value, _) => { seen++; return value * 0; });
        using var scope = NewDisposeScope();
        var (edited, plain) = (Streams(model, plan), Streams(model, HookPlan.Empty));
        Assert.Equal(4, seen);
        Assert.True((edited[^1] - plain[^1]).abs().max().item<float>() > 1e-3);
        var form = new BlockKernel.Form { Width = 12, Heads = 2, KeyHeads = 2, HeadWidth = 6 };
        var step = default(BlockKernel.Step);
        Assert.Contains("do not fit", Assert.Throws<ArgumentException>(() => BlockKernel.Run(in form, in step)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("solu", 20)]
    [InlineData("gelu", null)]
    public void What_the_kernel_lacks_goes_the_ordinary_way(string activation, int? hidden)
    {
        var config = new HookedTransformerConfig { Width = 12, Layers = 2, Heads = 2, KeyHeads = 2, HeadWidth = 6, Hidden = hidden, Vocabulary = 30, Outputs = 30, Context = 20, Activation = activation };
        using var model = (CausalLm)new HookedTransformerFamily().Random(config, 2);
        using var scope = NewDisposeScope();
        Assert.All(model.Blocks, block => Assert.False(TokenBlock.Of(block).CanRun));
        foreach (var (a, b) in Streams(model, HookPlan.Empty).Zip(Streams(model, Everywhere(model)))) Assert.True(a.Equals(b));
    }

    // The streams behind every block of the tokens 5 to 7, each by itself behind those before, which are read together.
    private static List<Tensor> Streams(CausalLm model, HookPlan plan)
    {
        using var frozen = no_grad();
        using var memory = new KeyValueMemory();
        var streams = new List<Tensor>();
        foreach (var ids in new long[][] { [3, 17, 5, 9], [8], [11], [2] })
        {
            var input = new ModelInput { Memory = memory };
            using var given = tensor(ids, [1, ids.Length]);
            input.Add("input_ids", given.alias());
            using var recording = model.Run(input, Enumerable.Range(0, model.Blocks.Count).Aggregate(plan, (all, layer) => all.Keep(Site.ResidPost[layer])));
            memory.Advance(ids.Length);
            if (ids.Length == 1) streams.AddRange(Enumerable.Range(0, model.Blocks.Count).Select(layer => recording.Cache[Site.ResidPost[layer]].to(ScalarType.Float32)));
        }
        return streams;
    }

    private static HookPlan Everywhere(CausalLm model) => Enumerable.Range(0, model.Blocks.Count).Aggregate(HookPlan.Empty, (all, layer) => all.Keep(Site.AttnOut[layer]));

    private static void Turn(CausalLm model, ScalarType type)
    {
        foreach (var (_, weight) in model.Weights) weight.Set(weight.Value.to(type));
    }
}
