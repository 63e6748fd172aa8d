using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Graphs need features that write along fixed directions: x̂ = Σ f·d + b with nothing that depends on the input.</summary>
internal static class LinearWriting
{
    /// <param name="coder">The coder.</param>
    /// <param name="value">What it reads.</param>
    /// <param name="skips">Whether a skip connection, which is linear too, is followed by who asks.</param>
    internal static void Check(ISparseCoder coder, Tensor value, bool skips = false)
    {
        using var scope = NewDisposeScope();
        if (!skips && coder is Coder { Weights.Skip: not null })
            throw new NotApplicableException($"{coder.Card.Name} has a skip connection, so what it writes is not the sum of its features.");
        using var codes = coder.Encode(value);
        var written = coder.DecodeChange(codes, value).reshape(codes.Rows, -1);
        var along = codes.Times(coder.Directions);
        if (!written.allclose(along, 1e-4, 1e-5))
            throw new NotApplicableException($"{coder.Card.Name} normalises its input, so its features write with a strength of their own for each token; graphs of features do not follow that yet.");
    }
}
