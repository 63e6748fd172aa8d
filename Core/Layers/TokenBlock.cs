using Prisma.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A block as one native call, for one token behind others in memory where nobody asks what happens inside: generation is then bound by
/// reading the weights and not by small operators. What the call does not know goes the ordinary way.
/// </summary>
internal sealed class TokenBlock
{
    private readonly (Weight Weight, Tensor Value)[] _weights;
    private readonly BlockKernel.Form? _form;

    private TokenBlock((Weight, Tensor)[] weights, BlockKernel.Form? form) => (_weights, _form) = (weights, form);

    /// <summary>The block as its weights are now; a call is not possible where the kernel lacks something that the block has.</summary>
    internal static TokenBlock Of(Block block)
    {
        var weights = block.Weights.Select(weight => (weight.Weight, weight.Weight.Value)).ToArray();
        var types = weights.Select(weight => Extras.Facts(weight.Value)).ToList();
        var type = types[0].Type;
        var suits = type is ScalarType.Float32 or ScalarType.BFloat16 && types.TrueForAll(facts => facts.IsPlain && facts.Type == type);
        return new TokenBlock(weights, suits && FormOf(block) is { } form ? form with { IsHalf = type == ScalarType.BFloat16 ? 1 : 0 } : null);
    }

    /// <summary>Whether the kernel has all that the block has.</summary>
    internal bool CanRun => _form is not null;

    /// <summary>Whether these are the block's weights still. (Written in place, they stay where they are.)</summary>
    internal bool IsCurrent
    {
        get
        {
            foreach (var (weight, value) in _weights)
                if (!weight.IsSet || !ReferenceEquals(weight.Value, value)) return false;
            return true;
        }
    }

    /// <summary>The stream behind the block [1, 1, d], outside any scope's care but the present one; null where the ordinary way has to be taken.</summary>
    /// <param name="attention">The block's attention.</param>
    /// <param name="x">The stream [B, P, d].</param>
    /// <param name="context">What attention modules share.</param>
    internal Tensor? Run(Attention attention, Tensor x, AttentionContext context)
    {
        if (_form is not { } form || context.Memory is not { } memory) return null;
        var facts = Extras.Facts(x);
        if (facts.Count != form.Width || !facts.IsPlain || facts.Type != (form.IsHalf != 0 ? ScalarType.BFloat16 : ScalarType.Float32)) return null;
        var turns = default((Tensor Cos, Tensor Sin)?);
        if (attention.Rotary is { } rotary)
        {
            if (context.Turns is null || !context.Turns.TryGetValue(rotary, out var found) || !Fits(found.Cos, facts.Type) || !Fits(found.Sin, facts.Type)) return null;
            turns = found;
        }

        var y = empty(x.shape, facts.Type);
        var (keys, values) = memory.Room(attention, 1, 1, x);
        var step = new BlockKernel.Step
        {
            X = Extras.Address(x),
            Y = Extras.Address(y),
            Keys = Extras.Address(keys),
            Values = Extras.Address(values),
            Before = memory.Tokens,
            Room = keys.shape[2],
            Threads = get_num_threads(),
        };
        if (turns is var (cos, sin))
            step = step with { Cos = Extras.Address(cos), Sin = Extras.Address(sin), Turned = cos.shape[^1], Neighbours = attention.Rotary?.Pairs == RotaryPairs.Neighbours ? 1 : 0 };
        BlockKernel.Run(in form, in step);
        GC.KeepAlive((x, y, keys, values, turns, _weights));
        return y;
    }

    private static bool Fits(Tensor turns, ScalarType type) => Extras.Facts(turns) is { IsPlain: true } facts && facts.Type == type && facts.Count == turns.shape[^1];

    private static BlockKernel.Form? FormOf(Block block)
    {
        if (block is not { Mlp: { Kind: { } kind } mlp, Ln2: { } ln2, AttentionScale: null, MlpScale: null } || block.Attention.Form() is not { } form) return null;
        return form with
        {
            BeforeAttention = block.Ln1.Form(),
            AfterAttention = block.AttentionPost?.Form() ?? default,
            BeforeMlp = ln2.Form(),
            AfterMlp = block.MlpPost?.Form() ?? default,
            In = mlp.In.Form(),
            Down = mlp.Out.Form(),
            Activation = kind,
            IsGated = mlp is GatedMlp ? 1 : 0,
            IsParallel = block.IsParallel ? 1 : 0,
        };
    }
}
