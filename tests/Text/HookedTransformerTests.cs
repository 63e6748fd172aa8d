using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>TransformerLens' own layout beyond its fixtures: models of attention alone.</summary>
public sealed class HookedTransformerTests
{
    [Fact]
    public void A_model_of_attention_alone_is_the_formula()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var weights = Write(folder, """{"d_mlp": 64, "act_fn": null}""");
        using var model = (CausalLm)Models.Load(folder.Path);
        var ids = tensor(new long[] { 1, 5, 2, 19, 7, 7 }, [1, 6]);
        using var recording = model.Run(ids, HookPlan.Empty.Keep(Site.Pattern, ..).Keep(Site.ResidPost, ..));
        // Written down from TransformerLens' blocks: x + Σ_h z_h W_O + b_O, with folded norms (LNPre).
        var x = weights["embed.W_E"].index_select(0, ids.flatten()) + weights["pos_embed.W_pos"].narrow(0, 0, 6);
        for (var i = 0; i < 2; i++)
        {
            var y = Normed(x);
            Tensor Read(string name) => einsum("pd,hdk->hpk", y, weights[$"blocks.{i}.attn.W_{name}"]) + weights[$"blocks.{i}.attn.b_{name}"].unsqueeze(1);
            var scores = Read("Q").matmul(Read("K").transpose(1, 2)) / Math.Sqrt(4);
            var pattern = scores.masked_fill(ones(6, 6, dtype: @bool).triu(1), double.NegativeInfinity).softmax(-1);
            Close.Check($"pattern {i}", recording.Cache[Site.Pattern[i]][0], pattern);
            x = x + einsum("hpk,hkd->pd", pattern.matmul(Read("V")), weights[$"blocks.{i}.attn.W_O"]) + weights[$"blocks.{i}.attn.b_O"];
            Close.Check($"stream {i}", recording.Cache[Site.ResidPost[i]][0], x);
        }
        Close.Check("logits", recording.Main[0], Normed(x).matmul(weights["unembed.W_U"]) + weights["unembed.b_U"]);
        Assert.DoesNotContain(model.Points, point => point.Site.ToString().Contains("mlp", StringComparison.Ordinal));
        Assert.DoesNotContain(model.Points, point => point.Site.Kind == Site.ResidMid);
        Processing.Apply(model, [ProcessingStep.FoldValueBiases, ProcessingStep.CenterWriting]);
        using var processed = model.Run(ids, HookPlan.Empty);
        Close.Check("processed", processed.Main, recording.Main, atol: 1e-4);
    }

    [Fact]
    public void Attention_alone_with_parallel_branches_is_refused()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        Write(folder, """{"parallel_attn_mlp": true}""");
        Assert.Contains("'attn_only' beside parallel branches", Assert.Throws<CheckpointException>(() => Models.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static Tensor Normed(Tensor x)
    {
        var centred = x - x.mean([-1L], keepdim: true);
        return centred / (centred.square().mean([-1L], keepdim: true) + 1e-5).sqrt();
    }

    private static Dictionary<string, Tensor> Write(TempFolder folder, string more)
    {
        var config = JsonNode.Parse("""
            {"n_layers": 2, "d_model": 16, "n_ctx": 12, "d_head": 4, "n_heads": 4, "d_vocab": 24, "d_vocab_out": 24, "eps": 1e-5, "attn_only": true,
             "normalization_type": "LNPre", "use_attn_scale": true, "attention_dir": "causal", "positional_embedding_type": "standard"}
            """)!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(more)!.AsObject()) config[key] = value?.DeepClone();
        File.WriteAllText(folder["config.json"], config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        using var generator = new Generator(11);
        var weights = new Dictionary<string, Tensor>();
        void Add(string name, params long[] shape) => weights[name] = randn(shape, generator: generator) * 0.4;
        Add("embed.W_E", 24, 16);
        Add("pos_embed.W_pos", 12, 16);
        Add("unembed.W_U", 16, 24);
        Add("unembed.b_U", 24);
        for (var i = 0; i < 2; i++)
        {
            foreach (var name in new[] { "Q", "K", "V" })
            {
                Add($"blocks.{i}.attn.W_{name}", 4, 16, 4);
                Add($"blocks.{i}.attn.b_{name}", 4, 4);
            }
            Add($"blocks.{i}.attn.W_O", 4, 4, 16);
            Add($"blocks.{i}.attn.b_O", 16);
        }
        Safetensors.Write(folder["model.safetensors"], weights.Select(pair => (pair.Key, pair.Value)));
        return weights;
    }
}
