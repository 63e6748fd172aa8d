using System.Text.Json;
using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>TransformerLens' complete activation caches, place by place, and what it derives from them.</summary>
public sealed class TransformerLensCacheTests
{
    private static readonly ProcessingStep[] Everything =
        [ProcessingStep.FoldLn, ProcessingStep.CenterWriting, ProcessingStep.CenterUnembed, ProcessingStep.FoldValueBiases];

    [Theory]
    [InlineData("tl_hooked_gpt2", false)]
    [InlineData("tl_gqa_rotary", false)]
    [InlineData("tl_neox", false)]
    [InlineData("tl_gpt2_processed", true)]
    public void Every_value_of_the_cache_is_reproduced(string folder, bool isProcessed)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        if (isProcessed) Processing.Apply(model, Everything);
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        var wanted = cache.Tensors.Select(tensor => tensor.Name).ToHashSet();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep(point => wanted.Contains(point.Site.ToString())));
        foreach (var tensor in cache.Tensors)
        {
            var (got, want) = (recording.Cache[Site.Parse(tensor.Name)], tensor.ToTensor());
            // Where inputs are split the reference keeps the last of three calls of the norm, per head.
            if (want.ndim == got.ndim + 1) got = got.unsqueeze(2).expand(want.shape);
            Close.Check(tensor.Name, got, want);
        }
        Close.Check("output", recording.Outputs["logits"], expected.Get("output").ToTensor());
        Assert.True(cache.Tensors.Count > 30);
    }

    [Theory]
    [InlineData("tl_hooked_gpt2")]
    [InlineData("tl_gqa_rotary")]
    [InlineData("tl_neox")]
    public void Places_come_in_the_order_in_which_the_reference_fires_them(string folder)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        using var names = JsonDocument.Parse(File.ReadAllBytes(Fixture.Path($"models/{folder}/hook_names.json")));
        var fired = names.RootElement.GetProperty("fired").EnumerateArray().Select(place => place.GetProperty("name").GetString()!).ToHashSet();
        var ours = model.Points.Select(point => point.Site.ToString()).ToList();
        Assert.Empty(fired.Except(ours));
        Assert.Empty(names.RootElement.GetProperty("not_fired").EnumerateArray().Select(name => name.GetString()!).Except(ours));
    }

    [Fact]
    public void Processed_weights_are_those_of_the_reference()
    {
        using var model = Models.Load(Fixture.Path("models/tl_gpt2_processed"));
        Processing.Apply(model, Everything);
        using var want = TensorSource.Open(Fixture.Path("models/tl_gpt2_processed/processed.safetensors"));
        using var scope = NewDisposeScope();
        var ours = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Weight.Value);
        Close.Check("W_E", ours["token_embed"], want.Get("embed.W_E").ToTensor());
        Close.Check("W_pos", ours["pos_embed"], want.Get("pos_embed.W_pos").ToTensor());
        Close.Check("W_U", ours["head.weight"].t(), want.Get("unembed.W_U").ToTensor());
        Close.Check("b_U", ours["head.bias"], want.Get("unembed.b_U").ToTensor());
        Close.Check("b_O", ours["blocks.1.attn.out.bias"], want.Get("blocks.1.attn.b_O").ToTensor());
        Close.Check("W_in", ours["blocks.1.mlp.in.weight"].t(), want.Get("blocks.1.mlp.W_in").ToTensor());
    }

    [Fact]
    public void Derived_values_are_those_of_the_reference()
    {
        using var model = (CausalLm)Models.Load(Fixture.Path("models/tl_hooked_gpt2"));
        using var expected = TensorSource.Open(Fixture.Path("models/tl_hooked_gpt2/expected.safetensors"));
        using var scope = NewDisposeScope();
        var ids = expected.Get("input").ToTensor();
        using var recording = model.Run(ids, HookPlan.Empty.Keep("*hook_*"));
        var stream = new ResidualStream(recording.Cache);
        using var accumulated = stream.Accumulated(includeMid: true);
        using var normed = stream.ThroughFinalNorm(accumulated, model.FinalNorm);
        // The reference expects a folded norm and leaves the gain out.
        Close.Check("accumulated", normed.Values.narrow(0, 0, accumulated.Labels.Count), expected.Get("derived.accumulated_resid_ln").ToTensor() * model.FinalNorm.Gain);
        using var parts = stream.Decomposed(split: ResidualSplit.AttentionAndMlp, splitEmbeddings: true);
        Close.Check("decomposed", parts.Values, expected.Get("derived.decompose_resid").ToTensor());
        Assert.Equal(["embed", "pos_embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"], parts.Labels);
        using var stopped = model.Run(ids, HookPlan.Empty.Keep(Site.ResidPre[1]).StopAfter(Site.ResidPre[1]));
        Close.Check("stopped", stopped.Cache[Site.ResidPre[1]], expected.Get("stop_at_layer.1").ToTensor());
    }
}
