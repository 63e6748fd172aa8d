using Prisma.Core;
using Prisma.Text;

namespace Prisma.Tests;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class GenerationLeakTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_thousand_tokens_leave_no_tensor_behind(bool looksInside) => Leaks.None(() =>
    {
        using var model = (CausalLm)new LlamaFamily().Random(new LlamaLikeConfig { Width = 16, Layers = 2, Heads = 4, KeyHeads = 2, HeadWidth = 4, Hidden = 24, Vocabulary = 30, Context = 1100 }, 1);
        var plan = HookPlan.Empty.Edit(Site.ResidPost[0], (value, _) => value * 1.1);
        var options = new GenerateOptions { MaxTokens = 1000, Plan = looksInside ? plan.Edit(Site.MlpOut[1], (value, _) => value * 0.9) : plan };
        Assert.Equal(1000, TextGenerator.Generate(model, [3, 5, 8], options).Count());
        // Left off in the middle.
        Assert.Equal(7, TextGenerator.GenerateBatch(model, [[3, 5, 8], [2]], options).Take(7).Count());
    });
}
