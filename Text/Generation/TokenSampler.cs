using Prisma.Core;
using static TorchSharp.torch;
using Numbers = System.Numerics.Tensors.TensorPrimitives;

namespace Prisma.Text;

/// <summary>Draws the next token from logits: temperature, then the most probable k, then the fewest with probability p, as the reference does.</summary>
internal sealed class TokenSampler(GenerateOptions options) : IDisposable
{
    private readonly Generator _generator = new(options.Seed);
    private float[] _values = [];

    /// <param name="logits">[V]; borrowed.</param>
    public GeneratedToken Next(Tensor logits)
    {
        using var scope = NewDisposeScope();
        logits = logits.to(ScalarType.Float32).cpu();
        // Not by libtorch: its threads would go on turning for a while after work of microseconds, in the way of those that make the next token.
        var values = _values.Length == logits.shape[0] ? _values : _values = new float[logits.shape[0]];
        logits.data<float>().CopyTo(values);
        var most = Numbers.Max<float>(values);
        if (!float.IsFinite(most)) throw new PrismaException("The logits are not numbers: an edit or the weights made the model overflow.");
        var id = options.Temperature == 0 ? Array.IndexOf(values, most) : (int)Draw(logits / options.Temperature);
        var chosen = values[id];
        Numbers.Subtract(values, most, values);
        Numbers.Exp<float>(values, values);
        return new GeneratedToken(id, chosen - most - MathF.Log(Numbers.Sum<float>(values)));
    }

    public void Dispose() => _generator.Dispose();

    private long Draw(Tensor logits)
    {
        var (values, ids) = logits.sort(-1, descending: true, stable: true);
        if (options.TopK is { } most && most < values.shape[0]) (values, ids) = (values.narrow(0, 0, most), ids.narrow(0, 0, most));
        var probabilities = values.softmax(-1);
        if (options.TopP is { } share)
        {
            // A token stays while those more probable have less than the share together; the first always does.
            var before = probabilities.cumsum(-1) - probabilities;
            probabilities = probabilities.masked_fill(before.ge(share), 0);
        }
        return ids[multinomial(probabilities, 1, generator: _generator).item<long>()].item<long>();
    }
}
