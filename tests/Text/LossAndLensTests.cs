using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>What is read out of language models: losses, lenses, direct attribution.</summary>
public sealed class LossAndLensTests
{
    [Fact]
    public void Losses_are_those_of_the_reference()
    {
        using var model = (CausalLm)Models.Load(Fixture.Path("models/tl_hooked_gpt2"));
        using var expected = TensorSource.Open(Fixture.Path("models/tl_hooked_gpt2/expected.safetensors"));
        using var scope = NewDisposeScope();
        var ids = expected.Get("input").ToTensor();
        using var recording = model.Run(ids, HookPlan.Empty);
        Close.Check("per token", NextTokenLoss.PerToken(recording.Main, ids), expected.Get("loss_per_token").ToTensor());
        Assert.Equal(expected.Get("loss").ToTensor().item<float>(), NextTokenLoss.Of(model, ids), 1e-5);
        using var spliced = SplicedLosses.NextToken(ids)(recording);
        Close.Check("as the evaluation has it", spliced.to(float32), expected.Get("loss_per_token").ToTensor().flatten());
    }

    [Theory]
    [InlineData("hf_gpt2")]
    [InlineData("hf_gpt_neox")]
    [InlineData("hf_llama")]
    [InlineData("hf_gemma2")]
    public void The_last_layer_of_the_lens_is_the_output(string folder)
    {
        using var model = (CausalLm)Models.Load(Fixture.Path($"models/{folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var reading = LogitLens.Read(model, expected.Get("input").ToTensor());
        Close.Check("lens", reading.Logits[-1], expected.Get("logits").ToTensor());
        Assert.Equal(model.Layers + 1, reading.Layers.Count);
        var best = reading.Top(-1, 0, count: 1)[0];
        Assert.Equal(expected.Get("logits").ToTensor()[0][-1].argmax(-1).item<long>(), best.Index);
    }

    [Theory]
    [InlineData("hf_gpt2")]
    [InlineData("hf_gpt_neox")]
    [InlineData("hf_llama3_rope_tied")]
    [InlineData("hf_qwen2")]
    public void Direct_attributions_of_all_parts_sum_to_the_logit(string folder)
    {
        using var model = (CausalLm)Models.Load(Fixture.Path($"models/{folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        var stream = new ResidualStream(recording.Cache);
        using var parts = stream.Decomposed(splitEmbeddings: true);
        using var contributions = stream.LogitContributions(parts, model, output: 7, minus: 3);
        var logits = expected.Get("logits").ToTensor();
        Close.Check("sum", contributions.Values.sum(0L), logits.select(-1, 7) - logits.select(-1, 3), atol: 5e-5);
        Assert.Equal("embed", parts.Labels[0]);
    }
}
