using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>Draws the next token from logits: temperature, then the most probable k, then the fewest with probability p, as the reference does.</summary>
internal sealed class TokenSampler(GenerateOptions options) : IDisposable
{
    private readonly Generator _generator = new(options.Seed);

    /// <param name="logits">[V]; borrowed.</param>
    public GeneratedToken Next(Tensor logits)
    {
        using var scope = NewDisposeScope();
        logits = logits.to(ScalarType.Float32).cpu();
        if (!logits.isfinite().any().item<bool>() || logits.isnan().any().item<bool>())
            throw new PrismaException("The logits are not numbers: an edit or the weights made the model overflow.");
        var log = logits.log_softmax(-1);
        var id = options.Temperature == 0 ? logits.argmax(-1).item<long>() : Draw(logits / options.Temperature);
        return new GeneratedToken((int)id, log[id].item<float>());
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
