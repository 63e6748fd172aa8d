using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The cosine of an output vector and a direction: how like a text's embedding a picture's is.
/// </summary>
/// <param name="direction">[e]; borrowed for as long as the target is used.</param>
/// <param name="name">What the direction stands for, such as the text.</param>
/// <param name="output">The output that is read, [B, e].</param>
public sealed class Direction(Tensor direction, string name, string output = "image_embeds") : Target
{
    /// <inheritdoc/>
    public override string Name { get; } = name;

    /// <inheritdoc/>
    public override Tensor Of(Recording recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        using var scope = NewDisposeScope();
        if (!recording.Outputs.TryGetValue(output, out var vectors))
            throw new PrismaException($"The model gives no '{output}' (outputs: {string.Join(", ", recording.Outputs.Keys)}), so it cannot be compared with '{Name}'.");
        var along = direction.reshape(-1);
        if (vectors.dim() != 2 || vectors.shape[1] != along.shape[0])
            throw new ShapeException($"'{output}' is [{string.Join(", ", vectors.shape)}], the direction '{Name}' has {along.shape[0]} values; they must be as wide.");
        return nn.functional.normalize(vectors).matmul(along / along.norm()).MoveToOuterDisposeScope();
    }
}
