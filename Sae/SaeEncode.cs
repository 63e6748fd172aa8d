using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Encodes activations and predicts from the codes: what <c>sae encode</c> does.</summary>
public static class SaeEncode
{
    /// <summary>Encodes a whole tensor as one batch. Everything is float32. The caller disposes the result.</summary>
    /// <exception cref="ShapeException">The width is not the coder's.</exception>
    public static EncodedTensors Run(ICoder coder, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(x);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var input = x.to(ScalarType.Float32);
        using var codes = coder.Encode(input);
        var prediction = coder.Decode(codes, input);
        var decoded = coder.DecodeAlone(codes).reshape(prediction.shape);
        return new EncodedTensors(
            coder.Shaped(codes, input), prediction, decoded.Equals(prediction) ? null : decoded, coder.Activations(codes, input));
    }

    /// <summary>Reads <c>x</c> from one file, encodes it with the coder of another, and writes the tensors to a third. Returns the coder's card.</summary>
    /// <param name="coderPath">The coder: a file, or a folder searched downwards.</param>
    /// <param name="tensorsPath">A file with a tensor <c>x</c>.</param>
    /// <param name="outputPath">The safetensors file to write.</param>
    /// <param name="options">What the coder's file leaves open.</param>
    /// <param name="existing">Whether an output that is there may be replaced.</param>
    /// <exception cref="PrismaException">A file cannot be read or written, or does not fit.</exception>
    public static CoderCard Run(
        string coderPath, string tensorsPath, string outputPath, CoderOptions? options = null, ExistingFile existing = ExistingFile.Refuse)
    {
        using var coder = CoderFile.OpenAny(coderPath, options);
        using var source = TensorSource.Open(tensorsPath);
        using var x = source.Get("x").ToTensor();
        if (!x.is_floating_point()) throw new ShapeException($"'{tensorsPath}': x holds {x.dtype}, not floating-point numbers.");
        using var encoded = Run(coder, x);
        Safetensors.Write(outputPath, encoded.Named(), Metadata(coder.Card), existing);
        return coder.Card;
    }

    private static Dictionary<string, string> Metadata(CoderCard card) => new()
    {
        ["format"] = "pt",
        ["sae"] = card.Origin.Path,
        ["sae_format"] = card.Origin.Format,
        ["architecture"] = card.Architecture,
        ["prisma_net"] = typeof(SaeEncode).Assembly.GetName().Version?.ToString(3) ?? "",
    };
}
