using System.Text.Json;
using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>One step of a U-net built as SDXL's, a sixth of its width: ours against the same blocks in plain PyTorch, same weights, same inputs, same output.</summary>
internal static class UnetForward
{
    private const int Batch = 2, Side = 32, Tokens = 77;

    private static readonly object s_config = new
    {
        _class_name = "UNet2DConditionModel",
        in_channels = 4,
        out_channels = 4,
        sample_size = Side,
        block_out_channels = new[] { 64, 128, 256 },
        down_block_types = new[] { "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D" },
        up_block_types = new[] { "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D" },
        layers_per_block = 2,
        attention_head_dim = new[] { 1, 2, 4 },
        transformer_layers_per_block = new[] { 1, 2, 4 },
        cross_attention_dim = 512,
        use_linear_projection = true,
        norm_num_groups = 32,
        addition_embed_type = "text_time",
        addition_time_embed_dim = 64,
        projection_class_embeddings_input_dim = 256 + 6 * 64,
    };

    public static IEnumerable<Row> Run(Rival rival, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("prisma-bench-unet-").FullName;
        try
        {
            using var scope = torch.NewDisposeScope();
            var input = Write(folder);
            using var model = Models.Load(folder);
            rival.Ask("unet", folder);
            RequireSameOutput(model, input, rival);
            var both = Comparison.ByTurns(rounds, () => Machine.Timed(() => model.Run(input, HookPlan.Empty).Dispose()), () => rival.Seconds("unet-forward"));
            yield return Row.Of($"U-net step, {model.ParameterCount / 1e6:0} M weights, batch {Batch} / Python torch", both, limit: 1.05);
            var kept = HookPlan.Empty.Keep(Site.Parse($"{Unet.Root}.up_blocks.0.attentions.1.hook_update"));
            var hooked = Comparison.ByTurns(rounds, () => Machine.Timed(() => model.Run(input, kept).Dispose()), () => Machine.Timed(() => model.Run(input, HookPlan.Empty).Dispose()));
            yield return Row.Of("U-net step keeping one block's update / plain", hooked, limit: 1.03);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ModelInput Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(s_config));
        var reader = new ConfigReader(JsonSerializer.SerializeToElement(s_config), "the benchmark's U-net");
        using var generator = new torch.Generator(0);
        using (var model = new Unet(UnetConfig.Read(reader)))
        {
            Initialiser.Fill(model, seed: 0, deviation: 0.03);
            Safetensors.Write(Path.Combine(folder, "diffusion_pytorch_model.safetensors"), model.Weights.Select(weight => (weight.Name, weight.Weight.Value)));
        }
        var input = new ModelInput
        {
            ["sample"] = torch.randn(Batch, 4, Side, Side, generator: generator),
            ["timestep"] = torch.full(Batch, 499f),
            ["encoder_hidden_states"] = torch.randn(Batch, Tokens, 512, generator: generator),
            ["text_embeds"] = torch.randn(Batch, 256, generator: generator),
            ["time_ids"] = torch.full(Batch, 6, 256f),
        };
        Safetensors.Write(Path.Combine(folder, "inputs.safetensors"), input.Select(pair => (pair.Key, pair.Value)));
        return input;
    }

    private static void RequireSameOutput(HookedModel model, ModelInput input, Rival rival)
    {
        var ours = model.Run(input).flatten().data<float>().ToArray();
        var theirs = rival.Ask("unet-output").EnumerateArray().Select(value => value.GetSingle()).ToArray();
        var worst = ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Max();
        if (ours.Length != theirs.Length || !(worst <= 1e-3 * theirs.Max(Math.Abs)))
            throw new PrismaException($"The two sides compute different predictions (largest difference {worst:0.0e+0}): their times cannot be compared.");
    }
}
