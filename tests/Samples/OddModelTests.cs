using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Samples;

public sealed class OddModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("odd-model").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_family_of_ones_own_loads_its_checkpoint_and_computes_what_plain_operators_do()
    {
        using var scope = NewDisposeScope();
        var weights = Checkpoint();
        Safetensors.Write(Path.Combine(_folder, "model.safetensors"), weights.Select(pair => (pair.Key, pair.Value)));
        File.WriteAllText(Path.Combine(_folder, "config.json"),
            """{ "architecture": "nanovit", "width": 16, "layers": 2, "heads": 2, "hidden": 24, "patch": 4, "image": 16, "classes": 5 }""");

        using var model = Models.Catalog.With(new NanoVitFamily()).Load(_folder);
        var pixels = randn(3, 3, 16, 16);
        using var recording = model.Run(pixels, HookPlan.Empty.Keep(Site.Pattern[1]));

        Close.Check("logits", recording.Main, Plain(weights, pixels));
        Assert.Equal([3, 2, 16, 16], recording.Cache[Site.Pattern[1]].shape);
    }

    [Fact]
    public void A_missing_and_a_surplus_tensor_are_reported_together()
    {
        using var scope = NewDisposeScope();
        var weights = Checkpoint();
        weights.Remove("head.bias");
        weights["neck.weight"] = zeros(3);
        Safetensors.Write(Path.Combine(_folder, "model.safetensors"), weights.Select(pair => (pair.Key, pair.Value)));
        File.WriteAllText(Path.Combine(_folder, "config.json"),
            """{ "architecture": "nanovit", "width": 16, "layers": 2, "heads": 2, "hidden": 24, "patch": 4, "image": 16, "classes": 5 }""");
        var error = Assert.Throws<CheckpointException>(() => Models.Catalog.With(new NanoVitFamily()).Load(_folder));
        Assert.Contains("head.bias", error.Message);
        Assert.Contains("neck.weight", error.Message);
        Assert.Contains("model.safetensors", error.Message);
    }

    private static Dictionary<string, Tensor> Checkpoint()
    {
        using var generator = new Generator(5);
        Tensor Random(params long[] shape) => randn(shape, generator: generator) * 0.2;
        var weights = new Dictionary<string, Tensor>
        {
            ["reg_token"] = zeros(1, 0, 16),
            ["pos_embed"] = Random(1, 16, 16),
            ["patch_embed.proj.weight"] = Random(16, 3, 4, 4),
            ["patch_embed.proj.bias"] = Random(16),
            ["fc_norm.weight"] = Random(16) + 1,
            ["fc_norm.bias"] = Random(16),
            ["head.weight"] = Random(5, 16),
            ["head.bias"] = Random(5),
        };
        for (var i = 0; i < 2; i++)
        {
            foreach (var (name, shape) in new (string, long[])[]
            {
                ("norm1.weight", [16]), ("norm1.bias", [16]), ("norm2.weight", [16]), ("norm2.bias", [16]), ("ls1.gamma", [16]), ("ls2.gamma", [16]),
                ("attn.qkv.weight", [48, 16]), ("attn.qkv.bias", [48]), ("attn.proj.weight", [16, 16]), ("attn.proj.bias", [16]),
                ("mlp.fc1.weight", [24, 16]), ("mlp.fc1.bias", [24]), ("mlp.fc2.weight", [16, 24]), ("mlp.fc2.bias", [16]),
            })
                weights[$"blocks.{i}.{name}"] = Random(shape);
        }
        return weights;
    }

    private static Tensor Plain(Dictionary<string, Tensor> w, Tensor pixels)
    {
        Tensor Norm(Tensor x, string name) => nn.functional.layer_norm(x, [16], w[name + ".weight"], w[name + ".bias"], 1e-5);
        Tensor Dense(Tensor x, string name) => nn.functional.linear(x, w[name + ".weight"], w[name + ".bias"]);
        var x = nn.functional.conv2d(pixels, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], strides: [4, 4]).flatten(2).transpose(1, 2) + w["pos_embed"];
        for (var i = 0; i < 2; i++)
        {
            var block = $"blocks.{i}.";
            var heads = Dense(Norm(x, block + "norm1"), block + "attn.qkv").reshape(3, 16, 3, 2, 8).permute(2, 0, 3, 1, 4);
            var pattern = heads[0].matmul(heads[1].transpose(-2, -1)).mul(1 / Math.Sqrt(8)).softmax(-1);
            x = x + Dense(pattern.matmul(heads[2]).transpose(1, 2).reshape(3, 16, 16), block + "attn.proj") * w[block + "ls1.gamma"];
            x = x + Dense(nn.functional.gelu(Dense(Norm(x, block + "norm2"), block + "mlp.fc1")), block + "mlp.fc2") * w[block + "ls2.gamma"];
        }
        return Dense(Norm(x.mean([1]), "fc_norm"), "head");
    }
}
