using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>
/// A small transformer on given token vectors whose weights are written by hand: what every head and MLP does is known. Its norms divide by
/// a constant (ε is far above the stream), so they are linear; weights not set are zero.
/// </summary>
internal sealed class StreamModel : HookedModel
{
    private const double Eps = 1e12;
    private readonly Block[] _blocks;
    private readonly RmsNorm _norm;
    private readonly Linear _head;

    internal StreamModel(int layers, int heads, int width, int classes, Func<Tensor, Tensor>? activation = null, int? keyHeads = null, bool parallel = false)
    {
        _blocks = [.. Enumerable.Range(0, layers).Select(l => BlockChild($"blocks.{l}", l, new Block(
            new Attention(new AttentionOptions { Width = width, Heads = heads, KeyHeads = keyHeads, Bias = false }),
            new Mlp(width, width, activation ?? (x => x)), RmsNorm.With(Eps), new BlockOptions { Parallel = parallel })))];
        _norm = Child("ln_final", new RmsNorm(width, Eps, Site.FinalScale, Site.FinalNormalized));
        _head = Child("head", new Linear(width, classes));
        foreach (var (name, weight) in Weights)
            weight.Set(name.Contains("ln", StringComparison.Ordinal) ? full([.. weight.Shape], Math.Sqrt(Eps)) : zeros([.. weight.Shape]));
    }

    public override IReadOnlyList<string> InputNames { get; } = ["x"];

    /// <summary>What token 0 is read with: one row per class.</summary>
    internal Tensor Head => _head.Matrix.Value;

    /// <summary>Adds a map from one direction of the stream to another, carried by the values of a head.</summary>
    internal void Copy(int layer, int head, int from, int to, double strength = 1, int channel = 0)
    {
        var attention = _blocks[layer].Attention;
        var row = (attention.Heads + attention.KeyHeads + head) * attention.HeadWidth + channel;
        attention.Qkv.Matrix.Value[row, from].fill_(1);
        attention.Out.Matrix.Value[to, head * attention.HeadWidth + channel].fill_(strength);
    }

    /// <summary>Adds a map from one direction to another by one neuron of an MLP.</summary>
    internal void Neuron(int layer, int neuron, int from, int to, double strength = 1)
    {
        _blocks[layer].Mlp!.In.Matrix.Value[neuron, from].fill_(1);
        _blocks[layer].Mlp!.Out.Matrix.Value[to, neuron].fill_(strength);
    }

    /// <summary>Random small weights everywhere but in the norms.</summary>
    internal StreamModel Randomised(long seed, double deviation = 0.3)
    {
        using var generator = new Generator((ulong)seed);
        foreach (var (name, weight) in Weights)
            if (!name.Contains("ln", StringComparison.Ordinal)) weight.Set(randn([.. weight.Shape], generator: generator) * deviation);
        return this;
    }

    /// <summary>[n, tokens, width], not owned by any scope.</summary>
    internal static Tensor Streams(int count, int tokens, int width, ulong seed)
    {
        using var generator = new Generator(seed);
        return randn(count, tokens, width, generator: generator).DetachFromDisposeScope();
    }

    protected override TokenLayout? Layout(ModelInput input) => null;

    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = input["x"];
        foreach (var block in _blocks) x = block.Forward(x, run);
        return new ModelOutput().With("logits", _head.Forward(_norm.Forward(x, run).select(1, 0)));
    }
}
