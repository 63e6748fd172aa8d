using Prisma.Core;
using Prisma.Text;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>A language model of GPT-2 small's size with random weights and a row of tokens; the weights are written once for the other side.</summary>
internal sealed class TextWorkload : IDisposable
{
    public const int Tokens = 512;

    private readonly string _folder = Directory.CreateTempSubdirectory("prisma-bench-text-").FullName;
    private readonly torch.Tensor _ids;

    public TextWorkload()
    {
        Model = (CausalLm)new Gpt2Family().Random(new Gpt2Config(), seed: 0);
        Initialiser.Fill(Model, seed: 0, deviation: 0.02);
        _ids = torch.tensor(Ids.Select(id => (long)id).ToArray(), [1, Tokens]).DetachFromDisposeScope();
        // The head is the table of embeddings: no tensor of its own.
        Safetensors.Write(Path.Combine(_folder, "model.safetensors"), Model.Weights.Select(weight => (weight.Name, weight.Weight.Value)));
    }

    public CausalLm Model { get; }

    public string Folder => _folder;

    public static IReadOnlyList<int> Ids { get; } = [.. Enumerable.Range(0, Tokens).Select(i => i * 7919 % 50257)];

    public long WeightBytes => Model.ParameterCount * sizeof(float);

    public float[] LastLogits()
    {
        using var recording = Model.Run(_ids, HookPlan.Empty);
        using var last = recording.Main.select(1, -1).contiguous();
        return last.flatten().data<float>().ToArray();
    }

    public void Forward() => Model.Run(_ids, HookPlan.Empty).Dispose();

    /// <summary>Turns the weights into bfloat16.</summary>
    public void Halve()
    {
        foreach (var (_, weight) in Model.Weights) weight.Set(weight.Value.to(torch.ScalarType.BFloat16));
    }

    public void Dispose()
    {
        _ids.Dispose();
        Model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
