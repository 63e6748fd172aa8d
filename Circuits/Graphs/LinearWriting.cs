using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Graphs need features that write along fixed directions: x̂ = Σ f·d + b with nothing that depends on the input.</summary>
internal static class LinearWriting
{
    internal static void Check(ISparseCoder coder, Tensor value)
    {
        using var scope = NewDisposeScope();
        if (coder is Coder { Weights.Skip: not null })
            throw new NotApplicableException($"{coder.Card.Name} has a skip connection, which graphs of features do not follow yet.");
        using var codes = coder.Encode(value);
        var written = coder.DecodeChange(codes, value).reshape(codes.Rows, -1);
        var along = codes.Times(coder.Directions);
        if (!written.allclose(along, 1e-4, 1e-5))
            throw new NotApplicableException($"{coder.Card.Name} normalises its input, so its features write with a strength of their own for each token; graphs of features do not follow that yet.");
    }
}
